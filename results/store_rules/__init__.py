"""What a store and a lease server promise of each event, held against a history: the one place for their rules.

A store enforces its rules in scripts (`enactors/store/redis/lua`). Here the same rules are read off the history alone,
by other means, so that a store that breaks one of them is told from a guard that is not safe.
`assumptions` holds every trial against all of them; `results.explain` asks for those of a guard whose violation it
tells.

Only what was accepted is looked at, and only what is certain is said: a lease ends by its server's clock, and an event
bears the time at which its script asked for it, a little after the instant by which the server judged.
"""

from leasebench.results.store_rules.breach import Breach
from leasebench.results.store_rules.breaches import breaches
from leasebench.results.store_rules.promised import NOTHING, Promised

__all__ = ["NOTHING", "Breach", "Promised", "breaches"]
