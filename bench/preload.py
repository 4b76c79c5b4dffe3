"""Imported by the forkserver before it forks: what every child needs. `bench.hosts.mortal` comes before it."""

import gc

from leasebench.bench.engines.processes import worker
from leasebench.bench.log import log_as_environment_says, log_ended_threads
from leasebench.bench.proxy import relay
from leasebench.enactors.store.redis import redis_store
from leasebench.registry import look_ahead

__all__ = ["redis_store", "relay", "worker"]

# Looking through them costs a process 60 ms, and each of 64 would do it anew.
for _package in ("enactors", "enactors.store", "leases.commit_rules", "leases.managers"):
    look_ahead(_package)

log_as_environment_says()
log_ended_threads()

# What is here is shared by all processes and never collected: a collection would look at each object, and so copy the
# page that it stands on into every process.
gc.collect()
gc.freeze()
