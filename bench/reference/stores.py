"""The page of the stores."""

import inspect
from collections.abc import Iterator

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import code, page, prose, table
from leasebench.enactors.store.store import ServerDriver, StoreDriver
from leasebench.leases.commit_rule import CommitRule
from leasebench.mistakes import DefinitionError
from leasebench.registry import plugins


def write() -> str:
    """Every store: where a run finds it, and which commit rules it enforces."""
    stores: dict[str, StoreDriver] = plugins("enactors.store")
    rows = [
        (
            f"[{name}](#{name})",
            ", ".join(code(f"{scheme}://") for scheme in store.schemes),
            "yes" if isinstance(store, ServerDriver) else "no",
            ", ".join(_enforced(store)),
        )
        for name, store in stores.items()
    ]
    return page(
        "Where plans, endpoints, leases and the history are kept. A run's store is chosen by the URL of `--server`.",
        table(("store", "URL", "may a run use it", "commit rules that it enforces"), rows),
        *(page(f"## {name}", store.about, prose(_about(store))) for name, store in stores.items()),
    )


def _enforced(store: StoreDriver) -> Iterator[str]:
    rules: dict[str, CommitRule] = plugins("leases.commit_rules")
    for name, rule in rules.items():
        try:
            store.must_enforce(rule)
        except DefinitionError:
            continue
        yield code(name)


def _about(store: StoreDriver) -> str:
    """The docstring of its folder."""
    module = inspect.getmodule(type(store))
    return (module.__doc__ if module is not None else None) or ""


PLUGIN = ReferencePage("stores", "Stores", "where plans, leases and history are kept, and which rules hold", write)
