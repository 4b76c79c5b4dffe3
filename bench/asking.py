"""What `leasebench ask` runs: which lock is meant by what a user calls it, and the suite that answers for it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from leasebench.bench.own_lock import NamedLock
from leasebench.bench.parameters import parameter
from leasebench.bench.suite import Suite, load_suite, with_guards
from leasebench.bench.sweep import laid_over, parse_value
from leasebench.leases.guard import Decide, Guard, presets
from leasebench.leases.guard_axes import VersionCheck
from leasebench.leases.manager import LeaseManager
from leasebench.leases.traits import ttl_step_ms
from leasebench.mistakes import DefinitionError
from leasebench.registry import plugin, plugins
from leasebench.verdict import Verdict

SUITE = "ask"
SHORT_TTL_MS = 1_000
"""What a longer time to live is scaled down to: the least that all libraries know."""
LOADS_OF_TTL = 4.0
"""A trial has to be so many times as long as a lease lives, that an owner can be stopped for longer than that."""
LONG_HOLD_MS = 20.0
FEW_ENDPOINTS = 4
"""Endpoints where a hold is longer than LONG_HOLD_MS: a plan has to come to its end within a trial."""
CHECKED, FENCED = "_newer", "_fenced"
FILLING = frozenset(("a", "the", "of", "s", "lock", "locks", "library", "with", "by", "from", "as", "it", "comes"))
"""Words that tell no lock from another."""
MOST_NAMED = 4
BAD: list[Verdict] = [one for one in Verdict if one is not Verdict.FAILED]
"""What may come of a lock: whatever it is, that is the answer."""
HELD = [Verdict.CLEAN, Verdict.UNPROVEN]


@dataclass(frozen=True, slots=True)
class Terms:
    """The time to live and the hold that a user has, and those that are run; milliseconds, None for "not said"."""

    ttl_ms: float | None
    hold_ms: float | None
    scale: float = 1.0
    """By what both are divided."""

    @property
    def run_ttl_ms(self) -> int:
        """The time to live of the leases that are run."""
        return SHORT_TTL_MS if self.ttl_ms is None else round(self.ttl_ms / self.scale)

    @property
    def run_hold_ms(self) -> float | None:
        """How long an owner works at an endpoint under the lease, median."""
        return None if self.hold_ms is None else self.hold_ms / self.scale

    def __str__(self) -> str:
        asked = [
            f"{what} of {_time(ms)}"
            for what, ms in (("a time to live", self.ttl_ms), ("a hold", self.hold_ms))
            if ms is not None
        ]
        if not asked:
            return f"leases of {_time(self.run_ttl_ms)}, since no --ttl was given"
        if self.scale == 1:
            return f"with {' and '.join(asked)}, as asked"
        short = _time(self.run_ttl_ms)
        scaled = f"all times run at 1/{self.scale:g}, leases of {short} (--full-length: as they are)"
        return f"asked with {' and '.join(asked)}; {scaled}"


def terms(ttl: str | None, hold: str | None, lock: LeaseManager, *, full_length: bool) -> Terms:
    """Parse what was asked, and scale it down unless it is to be run at full length. Raises DefinitionError."""
    ttl_ms, hold_ms = _ms(ttl, "ttl"), _ms(hold, "hold")
    step_ms = ttl_step_ms(lock)
    if ttl_ms is not None and ttl_ms % step_ms:
        raise DefinitionError(f"--ttl {ttl}: this library knows multiples of {step_ms} ms only")
    if full_length or ttl_ms is None or ttl_ms <= SHORT_TTL_MS:
        return Terms(ttl_ms, hold_ms)
    return Terms(ttl_ms, hold_ms, ttl_ms / SHORT_TTL_MS)


def suite_for(lock: NamedLock, asked: Terms) -> Suite:
    """The suite that answers for one lock: by itself, and with each repair. Raises DefinitionError."""
    base = load_suite(SUITE)
    set_to = {"ttl": f"{asked.run_ttl_ms}ms"}
    if asked.run_hold_ms is not None:
        set_to["hold"] = f"{asked.run_hold_ms:.9g}ms"
        if asked.run_hold_ms > LONG_HOLD_MS:
            set_to["endpoints"] = str(FEW_ENDPOINTS)
    guards = list(_guards(lock, asked.run_ttl_ms))
    suite = with_guards(laid_over(base, set_to, [], []), guards, [])
    # A preset with a lease stands there only because a crash needs a holder; the lock itself is one.
    scenarios = [
        one.model_copy(update={"guards": [name for name in one.guards if name not in presets() or not _leased(name)]})
        for one in suite.scenarios
    ]
    ttl_s, walk_s = asked.run_ttl_ms / 1000, FEW_ENDPOINTS * (asked.run_hold_ms or 0.0) / 1000
    return suite.model_copy(
        update={
            "about": str(asked),
            "scenarios": scenarios,
            "guards": [one for one in suite.guards if any(one.name in scenario.guards for scenario in scenarios)],
            "duration_s": max(base.duration_s, LOADS_OF_TTL * ttl_s),
            "settle_s": base.settle_s + 2 * ttl_s + 3 * walk_s,
        }
    )


def _leased(preset: str) -> bool:
    return presets()[preset].exclude is not None


def _guards(named: NamedLock, ttl_ms: int) -> Iterator[Guard]:
    """The lock with a store that writes whatever it is told; and with one that looks at the version, or the number."""
    name, lock = named.guard_name(presets()), named.lock
    plain = Guard(
        name=name,
        about=f"{named.asked_for} per endpoint, a check inside the lock, and a store that writes whatever it is told.",
        decide=Decide(check=VersionCheck.INSIDE),
        exclude=named.exclude(ttl_ms),
        commit="unconditional",
        known_bad=lock.broken,
        expect={"default": BAD},
    )
    yield plain
    repairs = [(CHECKED, "monotonic", "that writes newer plans only", {"default": HELD, "crash_holder": BAD})]
    if lock.fencing:
        about = "that is shown its fencing number at the check, and refuses an older one from then on"
        repairs.append((FENCED, "fence_registered", about, {"default": HELD, "lease_server": BAD, "crash_holder": BAD}))
    for suffix, commit, about, expect in repairs:
        told = {"name": name + suffix, "about": f"The same lock, and a store {about}.", "commit": commit}
        yield plain.model_copy(update=told | {"expect": expect})


def lock_meant(said: str) -> str:
    """The lease manager that a user means: its name, `module:Class`, or words of its library ("redis-py Lock").

    Raises DefinitionError: which ones it may be, or which come nearest.
    """
    known = plugins("leases.managers")
    if said in known or ":" in said:
        plugin("leases.managers", "lease manager", said)
        return said
    wanted = _words(said) - FILLING or _words(said)
    ranked = _ranked(wanted, known)
    best = [name for name, score in ranked if score == ranked[0][1]]
    if not ranked or ranked[0][1][0] < len(wanted):
        squashed = {name.replace("_", ""): name for name in known}
        spelled = get_close_matches("".join(re.findall(r"[a-z0-9]+", said.lower())), squashed, 1)
        near = [squashed[one] for one in spelled] or [name for name, score in ranked if score[0]][:MOST_NAMED]
        hint = f"did you mean {' or '.join(near)}?" if near else "leasebench list managers has them all"
        raise DefinitionError(f"no lock is known as {said!r}: {hint} (a class of your own is module:Class)")
    if len(best) > 1:
        raise DefinitionError(f"{said!r} may be {' or '.join(best[:MOST_NAMED])}: say which")
    return best[0]


def _ranked(wanted: set[str], known: Mapping[str, LeaseManager]) -> Sequence[tuple[str, tuple[int, int, int]]]:
    """Managers by how many of the words they have: anywhere, in their name or package; fewest other words first."""
    scores = {}
    for name, one in known.items():
        names = _words(" ".join((name, *getattr(one, "distributions", ()))))
        scores[name] = (
            len(wanted & (names | _words(one.about))),
            len(wanted & names),
            -len(_words(name) - wanted - FILLING),
        )
    return sorted(scores.items(), key=lambda pair: pair[1], reverse=True)


def _time(ms: float) -> str:
    return f"{ms:g} ms" if ms < 1000 else f"{ms / 1000:g} s"


def _words(text: str) -> set[str]:
    return set(re.findall(r"[a-z0-9]+", text.lower()))


def _ms(text: str | None, option: str) -> float | None:
    return None if text is None else float(parse_value(text, parameter(option), f"--{option} {text}"))
