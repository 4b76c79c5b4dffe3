"""The commands by their names: a command's module is imported when it is called, or when its help is asked for."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from leasebench.bench.completion import with_completion
from leasebench.bench.terminal import shortened
from leasebench.visible import visible

COMMANDS = {
    "init": "init:init",
    "run": "run:run",
    "check": "check:check",
    "ask": "ask:ask",
    "table": "table:table",
    "compare": "compare:compare",
    "repeats": "repeats:repeats",
    "explain": "explain:explain",
    "explore": "explore:explore",
    "verify-manager": "verify_manager:verify_manager",
    "plot": "plot:plot",
    "report": "report:report",
    "export": "export:export",
    "list": "list:list_",
    "doctor": "doctor:doctor",
    "selftest": "selftest:selftest",
    "agent": "agent:agent",
}
"""Where in `bench.commands` each is, as module:function, in the order in which the help shows them."""
UsageError: Any = typer.BadParameter.__base__
"""What is wrong with the words of a command, from whichever library `typer` has it."""


class LazyCommands(Mapping[str, Any]):
    """The commands, each made when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self._made:
            module, _, function = COMMANDS[name].partition(":")
            alone = typer.Typer(add_completion=False)
            found = getattr(import_module(f"leasebench.bench.commands.{module}"), function)
            alone.command(name)(with_completion(found))
            self._made[name] = typer.main.get_command(alone)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class CommandGroup(TyperGroup):
    """The commands; what is wrong with their words is told by `typer`, on a console of its own, made visible before."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands: Any = LazyCommands()

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Read the words before the command's name."""
        with _visible_usage():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Read the words of the command and run it."""
        with _visible_usage():
            return super().invoke(ctx)


@contextmanager
def _visible_usage() -> Iterator[None]:
    try:
        yield
    except UsageError as error:
        said = error.format_message()
        shown = shortened(visible(said))
        if shown == said:
            raise
        raise UsageError(shown, ctx=error.ctx) from None
