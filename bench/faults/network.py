"""The network between some enactors and their servers fails, each through a proxy of its own (`bench.proxy.proxy`).

`late_write` and `lost_reply` are exact: a commit is held until a successor has committed, or the reply of one that
was done is lost. The way of every other process stays as it is.
"""

from collections.abc import Iterator
from random import Random
from typing import Self

from pydantic import Field, model_validator

from leasebench.bench.faults import EnactorStrike, Injection, Struck
from leasebench.bench.proxy.proxy import Mode, NetRule, On, Proxy, ProxyWish
from leasebench.bench.stage import Stage

DRAWN = (0.75, 1.25)
"""From one cut to the next it is `every_s`, times something between."""
SHARED = frozenset({"mode", "enactors", "chance", "optional"})
LENGTH = ("ms", "times_ttl")
USES: dict[Mode, tuple[str, ...]] = {
    Mode.DELAY: (*LENGTH, "jitter_ms", "on"),
    Mode.DROP: ("drop_chance", "on"),
    Mode.PARTITION: (*LENGTH, "first_s", "every_s"),
    Mode.LATE_WRITE: (*LENGTH, "every"),
    Mode.LOST_REPLY: (*LENGTH, "every"),
}
"""The settings of each mode, beside those that all have."""


class NetworkSettings(EnactorStrike):
    """What happens on the way of `enactors`, by `mode`; `ms` or `times_ttl` (of the lease) is a length of time.

    `delay`: each request (`on` = `all`) or commit (`commit`) arrives so much later, and by a log-normal `jitter_ms`
    (its median) more. `drop`: with `drop_chance` a request is lost, and the rest of its connection with it.
    `partition`: nothing passes for so long, first after `first_s` of load, then about every `every_s`; what was held
    arrives afterwards. `late_write`: one in `every` commits is held until its endpoint has a newer version, so long
    at most. `lost_reply`: one in `every` commits is done, its reply lost, and the connection ends so much later.
    """

    mode: Mode
    ms: float | None = Field(default=None, gt=0, le=60_000)
    times_ttl: float | None = Field(default=None, gt=0, le=100)
    jitter_ms: float = Field(default=0.0, ge=0, le=10_000)
    on: On = On.ALL
    drop_chance: float = Field(default=0.0, ge=0, le=1)
    first_s: float = Field(default=0.5, ge=0, le=86_400)
    every_s: float = Field(default=1.0, gt=0, le=86_400)
    every: int = Field(default=1, ge=1, le=1_000_000)

    @model_validator(mode="after")
    def _what_the_mode_uses(self) -> Self:
        mode, uses = self.mode, USES[self.mode]
        foreign = sorted(self.model_fields_set - SHARED - set(uses))
        if foreign:
            raise ValueError(f"{foreign[0]} says nothing to mode {mode.value!r}: it knows {', '.join(uses)}")
        if self.ms is not None and self.times_ttl is not None:
            raise ValueError("say how long: either ms or times_ttl, not both")
        timed = self.ms is not None or self.times_ttl is not None
        if mode in (Mode.PARTITION, Mode.LATE_WRITE) and not timed:
            raise ValueError(f"say how long (at most): mode {mode.value!r} needs ms or times_ttl")
        if mode is Mode.DELAY and not timed and not self.jitter_ms:
            raise ValueError("say how long: mode 'delay' needs ms or times_ttl, or jitter_ms")
        if mode is Mode.DROP and not self.drop_chance:
            raise ValueError("mode 'drop' needs a drop_chance above 0")
        return self

    def outage(self) -> bool:
        """Whatever the mode, a request may come to nothing."""
        return True

    def arrange(self, stage: Stage, number: int, rng: Random) -> None:
        """Lead each victim's connections through a proxy; a partition needs no rule there."""
        for process in stage.processes_of(self.enactors):
            rules = () if self.mode is Mode.PARTITION else (self._rule(number, stage.ttl_ms, rng),)
            stage.detour(process, ProxyWish(rules))

    def windows(self, rng: Random, ttl_ms: int) -> Iterator[tuple[float, float]]:
        """When nothing passes; the other modes act by themselves."""
        begin_s = self.first_s
        while self.mode is Mode.PARTITION:
            end_s = begin_s + self._length_ms(ttl_ms) / 1000
            yield begin_s, end_s
            begin_s = max(end_s, begin_s + self.every_s * rng.uniform(*DRAWN))

    def inject(self, stage: Stage, rng: Random) -> Injection:  # noqa: ARG002
        """Cut all victims off at once."""
        return Cut([stage.proxies[process] for process in stage.processes_of(self.enactors)])

    def hit(self, struck: Struck) -> bool:
        """A delay hit if it was as long as asked; the other modes know for themselves."""
        return struck.lasted if self.mode is Mode.DELAY else struck.came

    def _rule(self, number: int, ttl_ms: int, rng: Random) -> NetRule:
        length_ms = self._length_ms(ttl_ms)
        return NetRule(
            number,
            self.mode,
            on=self.on,
            delay_ms=length_ms,
            jitter_ms=self.jitter_ms,
            drop_chance=self.drop_chance,
            every=self.every,
            hold_ms=length_ms,
            seed=rng.getrandbits(32),
        )

    def _length_ms(self, ttl_ms: int) -> float:
        return self.ms if self.ms is not None else ttl_ms * (self.times_ttl or 0.0)


class Cut:
    """Proxies that let nothing pass until they are healed."""

    def __init__(self, proxies: list[Proxy]) -> None:
        self._proxies = proxies
        for proxy in proxies:
            proxy.cut()

    def heal(self) -> bool:
        """Let everything flow on; a hit if anything was held."""
        return sum([proxy.mend() for proxy in self._proxies]) > 0


class NetworkFault:
    """A proxy before one process."""

    name = "network"
    about = "delay, drop, partition, a late write or a lost reply between an enactor and its servers"
    colour = "#56b4e9"
    settings = NetworkSettings

    def available(self) -> str | None:
        return None


PLUGIN = NetworkFault()
