"""The properties that an exploration asks for: each holds in every order of steps, or a shortest trace breaks it.

This imports nothing of ours: the command names them before it begins to explore.
"""

from enum import StrEnum


class Property(StrEnum):
    """The properties, as `--json` names them.

    - `stale_overwrite`: no commit puts an older version over a newer one.
    - `dangling`: no endpoint points at a deleted plan.
    - `wedged`: no commit is refused for want of a plan to roll back to. Such a refusal is final: the endpoint points
      at a plan that is gone, versions only grow, so no plan comes back, and every later commit there is refused, too,
      until an operator repairs it. Applies only where the cell keeps a rollback record.
    - `double_hold`: no enactor is granted a lease that another one still holds: one that was granted it before, and has
      neither begun to release it nor been told that it is lost.
    - `converges`: from every reachable state, once one further plan has been published, all endpoints can come to it.
    - `rollback`: from every reachable state an operator who repairs what resolves to nothing can publish the content
      of an old plan as the newest one, and all endpoints can come to it; and a rollback record that a commit writes
      names a plan that exists then.
    - `exclusion`: the lease server never grants or prolongs a lease while another grant of it is in force: neither
      expired by the server's own account nor given back by its owner. Of a record that expires by its owner's clock the
      server knows nothing, so there a takeover breaks it.
    """

    STALE_OVERWRITE = "stale_overwrite"
    DANGLING = "dangling"
    WEDGED = "wedged"
    DOUBLE_HOLD = "double_hold"
    CONVERGES = "converges"
    ROLLBACK = "rollback"
    EXCLUSION = "exclusion"


STATE_PROPERTIES = (Property.CONVERGES, Property.ROLLBACK)
"""Properties that a state breaks, by what can't be reached from it. The others are broken by a step."""
