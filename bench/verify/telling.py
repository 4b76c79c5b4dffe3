"""What an owner that lost the lock is told when it calls, and what that is worth."""

from leasebench.bench.verify.calls import Reply, Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.rig import Rig


def told(rig: Rig, reply: Reply, call: str) -> LockFinding:
    """The finding from the reply to one call after the loss: any exception, or False, tells of it."""
    if reply.said in (Said.LOST, Said.RAISED):
        return rig.holds(f"{call} after the loss: {reply.text}", reply.text.partition(":")[0].removeprefix("raises "))
    if reply.said is Said.CANNOT:
        return rig.not_asked(f"it has no {call}")
    if reply.said is Said.UNKNOWN:
        return rig.cant_tell(f"{call} was answered: {reply.text}")
    silent = reply.text in ("None", "done")
    said = "says nothing" if silent else f"answers {reply.text}, as if nothing were lost"
    return rig.defect(f"{call} after the loss {said}", "silent" if silent else reply.text)
