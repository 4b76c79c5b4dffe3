"""Imported by the forkserver before it forks: what every child needs, and the forkserver's parent-death signal.

The children inherit the forkserver's alive pipe, so after SIGKILL of the harness the forkserver would wait for
stopped children for ever.
"""

import os
import signal

from leasebench.bench.engines.processes import worker
from leasebench.bench.log import log_as_environment_says, log_ended_threads
from leasebench.bench.proxy import relay
from leasebench.enactors.store.redis import redis_store
from leasebench.parent_death import HARNESS_VARIABLE, die_with_parent

__all__ = ["redis_store", "relay", "worker"]

log_as_environment_says()
log_ended_threads()
if os.environ.get(HARNESS_VARIABLE) == str(os.getppid()):
    die_with_parent(os.getppid())
    # Blocked until now; the children inherit it, so that Ctrl-C is the harness's alone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
