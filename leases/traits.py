"""What a lease manager says of itself, and what is meant where it says nothing; and whether it can be used here."""

import os
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution

from leasebench.leases.manager import REDIS, LeaseManager, Library, LibraryManager, LibraryOnNodes

MOST_NODES = 9
MOST_REPLICAS = 2


def server_of(manager: LeaseManager) -> str:
    """Name the kind of server that a manager's leases are on."""
    return str(getattr(manager, "server", REDIS))


def has_own_clock(manager: LeaseManager | None) -> bool:
    """Whether a manager says `own_clock = True`: its leases end by their owners' clocks, and the server ends none."""
    return bool(getattr(manager, "own_clock", False))


def nodes_of(manager: LeaseManager | None) -> int:
    """How many independent lease servers a manager's leases are on, all of them servers of the trial's own."""
    return int(getattr(manager, "nodes", 1))


def replicas_of(manager: LeaseManager | None) -> int:
    """How many replicas a manager needs behind each of its lease servers."""
    return int(getattr(manager, "replicas", 0))


def on_servers_of_the_trial(manager: LeaseManager | None) -> bool:
    """Whether a manager's leases need more than the run's server: several nodes, or replicas."""
    return nodes_of(manager) > 1 or replicas_of(manager) > 0


def connected(manager: LibraryManager, urls: Sequence[str], timeout_s: float) -> "Library":
    """Connect a third-party lock to the lease servers at `urls`, as many as it has nodes."""
    if nodes_of(manager) > 1:
        assert isinstance(manager, LibraryOnNodes), "told by `unavailable` before"
        return manager.connect_nodes(urls, timeout_s)
    return manager.connect(server_url(manager, urls[0]), timeout_s)


RENEWS_EVERY = 1 / 3
"""The share of a time to live after which a watchdog renews: that of Redisson and others."""


def renews_every(manager: LeaseManager) -> float:
    """After which share of its time to live a watchdog renews a lease of this manager (`renews_every`)."""
    return float(getattr(manager, "renews_every", RENEWS_EVERY))


def trusts_for(manager: LeaseManager | None) -> float | None:
    """For which share of its time to live an owner trusts a lease since it last asked for it (`trusts_for`).

    None: for as long as it was told of no loss.
    """
    share: float | None = getattr(manager, "trusts_for", None)
    return share


def lock_delay_of(manager: LeaseManager) -> float:
    """For how long a lease that ran out is kept from others, as a share of its time to live (`lock_delay`)."""
    return float(getattr(manager, "lock_delay", 0.0))


def is_timed_by_waiters(manager: LeaseManager) -> bool:
    """Whether a manager says `timed_by_waiters = True`: who waits takes the lease when his own time to live is over."""
    return bool(getattr(manager, "timed_by_waiters", False))


def server_variable(server: str) -> str:
    """Name the environment variable with the URL of a server that is not ours: `LEASEBENCH_ETCD_URL`."""
    return f"LEASEBENCH_{server.upper().replace('-', '_')}_URL"


def server_url(manager: LeaseManager, redis_url: str) -> str:
    """Return the URL that a manager connects to; "" if it needs a server whose URL is not set."""
    server = server_of(manager)
    return redis_url if server == REDIS else os.environ.get(server_variable(server), "")


def unavailable(manager: LeaseManager) -> str | None:
    """Return why a manager can't be used here, and the way out; None if it can.

    One that says `finds_server = True` is told of no server: it knows its own. One that needs what is no package of
    Python's says in its method `missing` what it lacks.
    """
    lacks: Callable[[], str | None] | None = getattr(manager, "missing", None)
    if lacks is not None and (reason := lacks()):
        return reason
    missing = [name for name in getattr(manager, "distributions", ()) if not _installed(name)]
    if missing:
        extra = getattr(manager, "extra", "")
        install = f"leasebench[{extra}]" if extra else " ".join(missing)
        return f"the lease manager {manager.name} needs {' and '.join(missing)}: pip install '{install}'"
    for rival in filter(_installed, getattr(manager, "rivals", ())):
        own = " and ".join(getattr(manager, "distributions", ()))
        return (
            f"the lease manager {manager.name}: {own} and {rival} install a module of one name: pip uninstall {rival}"
        )
    if on_servers_of_the_trial(manager) and (misfit := _misfit(manager)):
        return f"the lease manager {manager.name} {misfit}"
    if getattr(manager, "finds_server", False) or server_url(manager, REDIS):
        return None
    server = server_of(manager)
    return f"the lease manager {manager.name} needs a server of {server}: set {server_variable(server)} to its URL"


def hint(manager: LeaseManager, ability: str) -> str:
    """What the user of a lock can do about an ability that it lacks, to stand at the end of a sentence."""
    told = getattr(manager, "hints", {}).get(ability, "")
    return f": {told}" if told else ""


def _misfit(manager: LeaseManager) -> str | None:
    """What keeps a manager that says `nodes` or `replicas` from having them."""
    nodes, replicas = nodes_of(manager), replicas_of(manager)
    if nodes > 1 and not isinstance(manager, LibraryOnNodes):
        return f"says nodes = {nodes} and has no connect_nodes(urls, timeout_s)"
    if not 1 <= nodes <= MOST_NODES:
        return f"says nodes = {nodes}: a trial has 1 to {MOST_NODES} lease servers"
    if not 0 <= replicas <= MOST_REPLICAS:
        return f"says replicas = {replicas}: a lease server has 0 to {MOST_REPLICAS}"
    if server_of(manager) != REDIS:
        return f"says nodes or replicas, which a trial has of {REDIS} only, and its server is {server_of(manager)}"
    return None


def ttl_step_ms(manager: LeaseManager) -> int:
    """What every time to live of a manager's leases has to be a multiple of."""
    return int(getattr(manager, "ttl_step_ms", 1))


def takes_ttl(manager: LeaseManager) -> bool:
    """Whether whoever takes a lease says how long it lives."""
    return bool(getattr(manager, "takes_ttl", True))


def may_be_used_by(manager: LeaseManager, who: str) -> bool:
    """Whether one client of a lock may be used at once by `who`: "threads", or "forks"."""
    return who in getattr(manager, "shared_by", ())


@cache
def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True
