"""A child must not outlive its parent, even if that is killed.

On Linux every child asks the kernel for SIGKILL at its parent's death; that also ends a stopped one.
Elsewhere the reaper (`bench.hosts.reaper`) does it.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
HARNESS_VARIABLE = "LEASEBENCH_HARNESS"
"""Tells the forkserver whose it is."""


def die_with_parent(parent: int) -> None:
    """Let the calling process be killed when the process `parent`, which started it, dies.

    The signal follows the *thread* that forked: call from children of a main thread only. Exits at once if
    the parent is gone already.
    """
    arm()()
    if os.getppid() != parent:
        os._exit(1)


def arm() -> Callable[[], None]:
    """Return a call that arms the parent-death signal; it allocates nothing, so it may run between fork and exec."""
    if not sys.platform.startswith("linux"):
        return lambda: None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return lambda: prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
