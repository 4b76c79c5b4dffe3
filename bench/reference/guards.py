"""The page of the guards that come with leasebench."""

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import code, codes, page, table
from leasebench.leases.guard import Guard, presets


def write() -> str:
    """Every preset with its choices."""
    known = presets().values()
    return page(
        "A guard is four choices ([what they mean](../explanation/guards.md)). These are named in "
        "`leases/presets.toml`; define your own in [a suite file](suite-file.md).",
        "## Guards to choose from",
        table(
            ("guard", "what it is"), ((f"[{one.name}](#{one.name})", one.about) for one in known if not one.known_bad)
        ),
        "## Negative controls",
        "Wrong on purpose: each has to be caught, and its correct twin must not be.",
        table(
            ("control", "what is wrong", "twin", "caught under", "by"),
            (
                (
                    f"[{one.name}](#{one.name})",
                    one.about,
                    code(one.control.twin),
                    code(one.control.scenario),
                    code(one.control.metric),
                )
                for one in known
                if one.control is not None
            ),
        ),
        *(_section(one) for one in known),
    )


def _section(guard: Guard) -> str:
    lease = guard.exclude
    rows = [
        ("decide", f"pick {code(guard.decide.pick.value)}, check {code(guard.decide.check.value)}"),
        (
            "exclude",
            "no lease"
            if lease is None
            else f"manager {code(lease.manager)}, scope {code(lease.scope.value)}, {lease.ttl_ms} ms, renewal "
            f"{code(lease.renewal.value)}, on loss {code(lease.on_loss.value)}",
        ),
        ("commit", code(guard.commit)),
        ("clean", code(guard.clean.rule.value) + (", referential" if guard.clean.referential else "")),
        ("expected", "; ".join(f"{name}: {codes(one.value for one in said)}" for name, said in guard.expect.items())),
    ]
    return page(f"### {guard.name}", guard.about, table(("axis", "choice"), (row for row in rows if row[1])))


PLUGIN = ReferencePage("guards", "Guards", "every preset with its choices and what is expected of it", write)
