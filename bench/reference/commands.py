"""The page of the commands, by the signatures that they are made from."""

import inspect
from collections import defaultdict
from collections.abc import Callable, Iterator
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, get_args, get_origin

import typer
from typer.models import ArgumentInfo, OptionInfo

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import code, codes, page, prose, table
from leasebench.bench.reference.settings import number, type_of

HEADINGS = ("word", "value", "default", "meaning")
OPTIONS = "Options"


def write() -> str:
    """Every command with its arguments and options."""
    from leasebench.bench.cli import app

    group: Any = typer.main.get_command(app)
    context = group.make_context("leasebench", [], resilient_parsing=True)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    shown = {name: inspect.unwrap(command.callback) for name, command in found.items() if not command.hidden}
    return page(
        "`leasebench COMMAND --help` says the same.",
        table(("command", "does"), ((_link(name), _first(does)) for name, does in shown.items())),
        "## Before the command",
        "`leasebench [OPTION ...] COMMAND ...`",
        *_words(inspect.unwrap(group.callback)),
        *(page(f"## leasebench {name}", prose(does.__doc__ or ""), *_words(does)) for name, does in shown.items()),
    )


def _link(name: str) -> str:
    return f"[`leasebench {name}`](#leasebench-{name})"


def _first(does: Callable[..., Any]) -> str:
    return prose(does.__doc__ or "").partition("\n")[0]


def _words(does: Callable[..., Any]) -> Iterator[str]:
    """A table of the arguments and options, one for each panel of the command's help."""
    panels: dict[str, list[tuple[str, str, str, str]]] = defaultdict(list)
    for one in inspect.signature(does, eval_str=True).parameters.values():
        kind, info = get_args(one.annotation)[:2]
        if isinstance(info, (ArgumentInfo, OptionInfo)) and not info.hidden:
            panels[info.rich_help_panel or OPTIONS].append(_row(one, kind, info))
    for panel, rows in panels.items():
        yield page(f"**{panel}**" if len(panels) > 1 else "", table(HEADINGS, rows))


def _row(one: inspect.Parameter, kind: Any, info: ArgumentInfo | OptionInfo) -> tuple[str, str, str, str]:
    plain = next((inner for inner in get_args(kind) if inner is not NoneType and NoneType in get_args(kind)), kind)
    bounds = [f"{sign} {number(bound)}" for sign, bound in ((">=", info.min), ("<=", info.max)) if bound is not None]
    value = "-" if plain is bool else ", ".join([_type(plain), *bounds])
    said = info.help or ""
    if info.envvar:
        said += f" (environment: {code(info.envvar if isinstance(info.envvar, str) else ', '.join(info.envvar))})"
    default = "required" if one.default is inspect.Parameter.empty else "-"
    if one.default not in (inspect.Parameter.empty, None, False):
        default = code(str(one.default).lower() if plain is bool else one.default)
    return code(_word(one, info, flag=plain is bool)), value, default, said


def _word(one: inspect.Parameter, info: ArgumentInfo | OptionInfo, *, flag: bool) -> str:
    if isinstance(info, ArgumentInfo):
        return info.metavar or one.name.upper()
    # In an annotation the first word that is given stands where a default would.
    given = [word for word in (info.default, *(info.param_decls or ())) if isinstance(word, str)]
    name = one.name.replace("_", "-")
    return ", ".join(given) or (f"--{name}/--no-{name}" if flag else f"--{name}")


def _type(kind: Any) -> str:
    if kind is Path:
        return "path"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return codes(one.value for one in kind)
    return f"{_type(get_args(kind)[0])}, repeated" if get_origin(kind) is list else type_of(kind)


PLUGIN = ReferencePage("commands", "Commands", "every command with its arguments and options", write)
