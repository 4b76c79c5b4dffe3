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
    told = "nothing was lost that mattered"
    cell = ""
    tried = [one for one in lost_replies(rig, rig.owners[0], rig.owners[1])]
    for lost in tried:
        if lost.repeated:
            continue
        if lost.said is Said.REFUSED and lost.held:
            rig.show(lost.calls)
            return rig.defect(f"the reply to {lost.request} is lost: told that it failed, and it holds the lock", "held")
        if lost.said is Said.TAKEN and not lost.held:
            rig.show(lost.calls)
            return rig.defect(f"the reply to {lost.request} is lost: told that it has the lock, which is free", "free")
        if lost.held:
            rig.show(lost.calls)
            told, cell = f"the reply to {lost.request} is lost: {lost.text}; held until its time to live is over", "unknown"
            if lost.said is Said.TAKEN:
                told, cell = f"the reply to {lost.request} is lost: it finds out that it has the lock", "recovers"
    if not tried:
        return rig.not_asked("its acquire sends the server no request of Redis")
    if all(lost.repeated for lost in tried):
        return rig.not_asked("it sends a request again whose reply was lost: see blind_retry")
    return rig.holds(told, cell)


PLUGIN = LockCheck("lost_reply", "a lost reply is no failure", run, needs=EXCLUDES, gateway=True, refuses=refuses)
