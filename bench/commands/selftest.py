"""`leasebench selftest`."""

from typing import Annotated

import typer

from leasebench.bench.terminal import EXIT_FAILED, EXIT_INTERRUPTED, complain, fail


def selftest(
    kills: Annotated[int, typer.Option(min=1, max=10_000, help="runs that are started and killed")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="what victims, signals and moments are drawn from")] = 1,
) -> None:
    """Kill runs, and parts of runs, at random moments on this machine, and look whether anything of them is left.

    A kill takes some fifteen seconds, since a run that lost a part goes on to its end. Exit codes: 0 nothing was left
    within 3 s of any end, and every run directory can be read; 5 something was.
    """
    from leasebench.bench.hosts.interrupt import interruptible
    from leasebench.bench.screen import console, say
    from leasebench.bench.selftest import GONE_WITHIN_S, SelfTest, self_test
    from leasebench.results.display.grid import Text, Tone

    screen = console()
    told = SelfTest()
    try:
        with interruptible():
            for found in self_test(kills, seed):
                told.take_in(found)
                complain(f"{found.kill}: {one}" for one in found.wrong)
                hit = "the run had ended before" if found.hit is None else f"hit: {found.hit}"
                say(screen, Text(f"{found.kill}: {hit}, gone after {found.gone_after_s:.2f} s", Tone.QUIET))
    except KeyboardInterrupt:
        fail(f"interrupted after {told.kills} of {kills} kills", EXIT_INTERRUPTED)
    victims = ", ".join(f"{told.by_victim[name]} {name}" for name in told.order)
    say(screen, Text(f"{told.kills} kills ({victims}); slowest clean-up {told.slowest_s:.2f} s"))
    if told.wrong:
        say(screen, Text(f"{len(told.wrong)} things are wrong: the lines above say what"))
        raise typer.Exit(EXIT_FAILED)
    say(screen, Text(f"nothing was left {GONE_WITHIN_S:.0f} s after any of them, and every run directory can be read"))
