"""The page of the commit rules."""

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import code, page, table
from leasebench.leases.commit_rule import CommitRule
from leasebench.registry import plugins


def write() -> str:
    """Every commit rule, and what it needs."""
    rules = plugins("leases.commit_rules").items()
    rows = [(code(name), rule.about, _needs(rule), "yes" if rule.broken else "no") for name, rule in rules]
    return page(
        "What a store enforces when it writes one endpoint, in one atomic step; a guard names one in `commit`.",
        table(("rule", "what it does", "needs", "wrong on purpose"), rows),
    )


def _needs(rule: CommitRule) -> str:
    needs = [
        *(["a lease"] if rule.needs_lease else []),
        *(["lease and endpoint on one server"] if rule.owner else []),
        *(["fencing numbers"] if rule.fence else []),
        *([f"check {code(rule.only_check.value)}"] if rule.only_check is not None else []),
        *(["a version that the check read"] if rule.seen else []),
    ]
    return ", ".join(needs) or "-"


PLUGIN = ReferencePage("commit-rules", "Commit rules", "what a store enforces at a write", write)
