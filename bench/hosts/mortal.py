"""Imported first by the forkserver, long before what its children need: it dies with the harness from then on.

Those imports take a second, more on a busy machine: a harness that was killed meanwhile would be outlived. And the
children inherit the forkserver's alive pipe, so that it would wait for stopped children for ever.
"""

import os
import signal

from leasebench.parent_death import HARNESS_VARIABLE, die_with_parent

if os.environ.get(HARNESS_VARIABLE) == str(os.getppid()):
    die_with_parent(os.getppid())
    # Blocked until now; the children inherit it, so that Ctrl-C is the harness's alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
