"""Imported first by the forkserver, long before what its children need: it dies with the harness from then on.

Those imports take a second, more on a busy machine: a harness that was killed meanwhile would be outlived. And the
children inherit the forkserver's alive pipe, so that it would wait for stopped children for ever.
"""

import os
import signal
import sys
from types import TracebackType

from leasebench.parent_death import HARNESS_VARIABLE, die_with_parent


def _end_quietly(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A harness that was killed as it asked for a process has sent a half: nothing to tell, the end is near."""
    if kind is not EOFError:
        sys.__excepthook__(kind, error, trace)


if os.environ.get(HARNESS_VARIABLE) == str(os.getppid()):
    die_with_parent(os.getppid())
    # Blocked until now; the children inherit it, so that Ctrl-C is the harness's alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = _end_quietly
