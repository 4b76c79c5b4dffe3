"""Imported by the forkserver before it forks: what every child needs. `bench.hosts.mortal` comes before it."""

from leasebench.bench.engines.processes import worker
from leasebench.bench.log import log_as_environment_says, log_ended_threads
from leasebench.bench.proxy import relay
from leasebench.enactors.store.redis import redis_store

__all__ = ["redis_store", "relay", "worker"]

log_as_environment_says()
log_ended_threads()
