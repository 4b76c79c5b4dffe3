"""One small file a commit rule; each exports `PLUGIN`. What enforces a rule is looked up by its name.

In Redis that is `enactors/store/redis/lua/commit_<name>.lua`, in memory a function in
`enactors/store/memory/commit_rules.py`; what a history must then show stands in `results/store_rules/commits.py`,
and what the rule would have done with a stale overwrite in `results/explain/commit_rules.py`.
"""

from leasebench.leases.commit_rule import CommitRule

PROTOCOL = CommitRule
