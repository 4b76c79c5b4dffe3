"""Which methods a lock class of the user's own may have, what each may take, and what is wrong with one that is given.

Arguments are passed by their names, and a method takes those that it needs.
"""

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

TAKES: Mapping[str, tuple[str, ...]] = {
    "__init__": ("url", "urls", "timeout_s"),
    "acquire": ("key", "ttl_ms", "wait_ms", "on_lost"),
    "release": ("key", "token"),
    "renew": ("key", "token", "ttl_ms"),
    "validate": ("key", "token"),
    "fence": ("key", "token"),
    "lost": ("key", "token"),
    "close": (),
}
"""The methods, and what each may take, by name."""
NEEDED: Mapping[str, str] = {"acquire": "acquire(key, ttl_ms)", "release": "release(key, token)"}
"""The methods that a lock has to have, as they are commonly written."""
TEMPLATE = "leasebench init --lock my_lock.py writes one that works"


def coroutines(cls: type) -> frozenset[str]:
    """The methods that are coroutines."""
    return frozenset(name for name in TAKES if inspect.iscoroutinefunction(getattr(cls, name, None)))


def accepted(cls: type, method: str) -> frozenset[str]:
    """The names by which a method takes what it is offered."""
    return frozenset(one.name for one in _parameters(cls, method)) & frozenset(TAKES[method])


def taken_of(cls: type, method: str, **offered: Any) -> dict[str, Any]:
    """What a method takes of what it is offered."""
    takes = accepted(cls, method)
    return {name: value for name, value in offered.items() if name in takes}


def mistakes_in(cls: type) -> Iterator[str]:
    """What keeps a class from being a lock: a clause for each mistake."""
    absent = [name for name in NEEDED if not callable(getattr(cls, name, None))]
    if absent:
        yield f"it has no {' and '.join(NEEDED[name] for name in absent)}"
    nodes = getattr(cls, "nodes", 1)
    if not isinstance(nodes, int):
        yield f"it says nodes = {nodes!r}, and that is a number of lease servers"
    elif nodes != 1 and "urls" not in accepted(cls, "__init__"):
        yield f"it says nodes = {nodes}, and its __init__ does not take their urls"
    for name, offered in TAKES.items():
        method = getattr(cls, name, None)
        if method is None or name in absent:
            continue
        if not callable(method):
            yield f"{name} is no method"
            continue
        for parameter in _parameters(cls, name):
            by_name = parameter.name in offered and parameter.kind is not parameter.POSITIONAL_ONLY
            if not by_name and parameter.default is parameter.empty:
                able = f"those of {', '.join(offered)} that it needs, by these names" if offered else "nothing"
                yield f"{name} has the parameter {parameter.name!r}, and may take {able}"


def _parameters(cls: type, method: str) -> list[inspect.Parameter]:
    """The parameters of a method without its `self`, and without those that take whatever is left."""
    found = getattr(cls, method)
    if method == "__init__" and found is object.__init__:
        return []
    try:
        parameters = list(inspect.signature(found).parameters.values())
    except ValueError:
        return []  # written in C, without a signature
    static = isinstance(inspect.getattr_static(cls, method), (staticmethod, classmethod))
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [one for one in parameters[0 if static else 1 :] if one.kind not in rest]
