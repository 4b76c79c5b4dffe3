"""What the harness has to know of a resolver."""

from collections.abc import Callable

from pydantic import Field

from leasebench.definitions import Definition
from leasebench.enactors.arrivals import Arrivals
from leasebench.enactors.downstream.resolver.operations import Lookup
from leasebench.enactors.downstream.resolver.program import CacheRule, Resolver, ResolverState
from leasebench.enactors.kind import Activities, Assignment, Ends, NoObserver, Notebook, Observer
from leasebench.enactors.operations import Resolve
from leasebench.enactors.plan import MOST_ENDPOINTS


class ResolverSettings(Definition):
    """How many resolvers a cell has, how often each is asked, and how long it keeps what it was answered.

    `lookups` is the load of one resolver; they go round the first `endpoints` endpoints of the cell (all of them, if it
    is left out or there are no more). A record is kept for `cache_ttl_ms`, an empty answer for `negative_ttl_ms`, as
    the minimum of the zone's SOA says (RFC 2308, section 5); 0 keeps none.
    """

    count: int = Field(default=1, ge=1, le=64)
    """How many resolvers a cell has."""
    lookups: Arrivals = Arrivals(arrivals="poisson", rate_per_s=100.0)
    endpoints: int | None = Field(default=None, ge=1, le=MOST_ENDPOINTS)
    cache_ttl_ms: float = Field(default=0.0, ge=0, le=86_400_000)
    negative_ttl_ms: float = Field(default=0.0, ge=0, le=86_400_000)


class ResolverKind:
    """Looks up in open loop; it stops with the load."""

    name = "resolver"
    about = "looks endpoints up for customers, and caches what it was answered"
    settings = ResolverSettings
    single = False
    ends = Ends.WITH_THE_LOAD
    gauges: tuple[str, ...] = ()
    renews = False
    steps = frozenset({Resolve.step, Lookup.step})

    def schedule(self, place: Assignment) -> Arrivals:
        settings: ResolverSettings = place.settings
        return settings.lookups

    def begin(self, place: Assignment) -> tuple[Activities, ResolverState]:
        settings: ResolverSettings = place.settings
        endpoints = place.cell.endpoints[: settings.endpoints]
        rule = CacheRule(settings.cache_ttl_ms, settings.negative_ttl_ms)
        return Resolver(endpoints, rule).look_up, ResolverState(place.number, (None,) * len(endpoints))

    def after_load(self, place: Assignment) -> Activities:
        return self.begin(place)[0]

    def observer(self, notebook: Notebook) -> Observer:  # noqa: ARG002
        return NoObserver()

    def settled(self, gauge: Callable[[str], int], published: int) -> bool:  # noqa: ARG002
        return True


PLUGIN = ResolverKind()
