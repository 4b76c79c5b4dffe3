"""Go through a recorded trace again, over the store in memory, and compare every step with what was recorded."""

from typing import Any

from leasebench.bench.engines.explorer.concrete_run import ConcreteRun, Impossible
from leasebench.bench.engines.explorer.machine import Machine
from leasebench.bench.engines.explorer.properties import OF_A_STATE
from leasebench.bench.engines.explorer.reachability import Reachability
from leasebench.bench.engines.explorer.trace import Trace, TraceStep
from leasebench.definitions import DefinitionError

COMPARED = ("operation", "result", "quiet", "in_force", "plans", "breaks")


def replay(trace: Trace, place: str) -> list[TraceStep]:
    """Replay a trace that was read from `place`. Returns its steps as they happened again.

    Raises DefinitionError at the first step that can't happen or comes out otherwise, and if the end does not break
    the property.
    """
    guard = trace.parsed_guard(place)
    scene = ConcreteRun(guard, trace.scope)
    steps = []
    for recorded in trace.steps:
        at = f"{place}: step {recorded.step}: "
        try:
            step = scene.take(recorded.choice)
        except Impossible as error:
            raise DefinitionError(f"{at}{recorded.actor} {recorded.action}: {error}: {_ADVICE}") from error
        for name in COMPARED:
            was, now = getattr(recorded, name), getattr(step, name)
            if was != now:
                raise DefinitionError(f"{at}{name} was {_short(was)} and is now {_short(now)}: {_ADVICE}")
        steps.append(step)
    if not _broken(trace, steps, Machine(guard, trace.scope)):
        raise DefinitionError(f"{place}: its last step does not break {trace.property}: {_ADVICE}")
    return steps


_ADVICE = "record it anew with leasebench explore --trace DIR"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 200 else text[:200] + "..."


def _broken(trace: Trace, steps: list[TraceStep], machine: Machine) -> bool:
    """Whether the end of the trace breaks its property; of what can't be reached any more, the machine is asked."""
    if steps and trace.property in steps[-1].breaks:
        return True
    if trace.property not in OF_A_STATE:
        return False
    world, locals_ = machine.start, machine.roots
    for step in steps:
        after = {move.choice: state for move, *state in machine.moves(world, locals_)}
        world, locals_ = after[step.choice]  # type: ignore[assignment]
    return Reachability(machine).fails(trace.property, (world, locals_))
