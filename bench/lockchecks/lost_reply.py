"""The reply to an acquire is lost: its owner is not told that it failed while the lock is its own.

That the reply is unknown, or an error, is true, and then the lock stays held until its time to live is over.
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.lost_replies import lost_replies, refuses
from leasebench.bench.verify.rig import Rig


def run(rig: Rig) -> LockFinding:
    """Lose the reply to each of an acquire's requests in turn, and ask another owner whether the lock is free."""
    a, b = rig.owners
    every = lost_replies(rig, a, b)
    once = [lost for lost in every if not lost.repeated]
    for lost in once:
        if lost.said is Said.REFUSED and lost.held:
            return rig.defect(
                f"the reply to {lost.request} is lost: told that it failed, it holds the lock", "held", lost.calls
            )
        if lost.said is Said.TAKEN and not lost.held:
            return rig.defect(
                f"the reply to {lost.request} is lost: told that it has the lock, which is free", "free", lost.calls
            )
    if not every:
        return rig.not_asked("its acquire sends the server no request of Redis")
    if not once:
        return rig.not_asked("it sends a request again whose reply was lost: see blind_retry")
    lost = next((one for one in reversed(once) if one.said in (Said.UNKNOWN, Said.RAISED)), once[-1])
    if lost.said is Said.TAKEN:
        return rig.holds(
            f"the reply to {lost.request} is lost: it finds out that it has the lock", "recovers", lost.calls
        )
    left = "the lock stays held until its time to live is over" if lost.held else "the lock is free"
    return rig.holds(
        f"the reply to {lost.request} is lost: {lost.text}; {left}", "held" if lost.held else "free", lost.calls
    )


PLUGIN = LockCheck("lost_reply", "a lost reply is no failure", run, needs=EXCLUDES, gateway=True, refuses=refuses)
