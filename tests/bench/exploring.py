"""What the explorer's tests share: the presets that can be explored, and guards that a suite file would define."""

from leasebench.bench.engines.explorer.exploration import not_explorable
from leasebench.leases.guard import parse_guards, presets

OWN = parse_guards(
    {
        "stale_but_resolving": {
            "about": "one look and a blind write, but active plans are not deleted and deleted ones not applied.",
            "decide": {"check": "once"},
            "commit": "unconditional",
            "clean": {"rule": "skip_active", "referential": True},
        },
        "skip_active_alone": {
            "about": "one look and a blind write; a plan in force is not deleted.",
            "decide": {"check": "once"},
            "commit": "unconditional",
            "clean": {"rule": "skip_active"},
        },
        "referential_alone": {
            "about": "one look and a blind write; a deleted plan is not applied.",
            "decide": {"check": "once"},
            "commit": "unconditional",
            "clean": {"rule": "by_age", "referential": True},
        },
        "check_then_delete": {
            "about": "monotonic, with a clean-up that looks first and deletes then.",
            "decide": {"check": "never"},
            "commit": "monotonic",
            "clean": {"rule": "check_then_delete"},
        },
        "swapped_once": {
            "about": "compare and set with the version that one look at the start saw.",
            "decide": {"check": "once"},
            "commit": "compare_and_set",
            "known_bad": True,
        },
        "broken_release": {
            "about": "the lock whose release looks at no token.",
            "decide": {"check": "inside"},
            "exclude": {"manager": "redis_broken_release"},
            "commit": "unconditional",
            "known_bad": True,
        },
    },
    "exploring.py",
)
GUARDS = {name: guard for name, guard in presets().items() if not_explorable(guard) is None} | OWN
