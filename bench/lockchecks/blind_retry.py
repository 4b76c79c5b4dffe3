"""A client that sends a request again whose reply was lost recognises what it took the first time.

redis-py's `Redis()` retries by default (`Redis.from_url` does not): a repeated SET NX finds the owner's own token, and
its Lock says that it failed. A library's lock over redis-py is asked with the retries of `Redis()`, as most of its
users run it; leasebench's adapters set none.
"""

from leasebench.bench.lockchecks import EXCLUDES
from leasebench.bench.verify.calls import Said
from leasebench.bench.verify.finding import LockFinding
from leasebench.bench.verify.lock_check import LockCheck
from leasebench.bench.verify.lost_replies import lost_replies, refuses
from leasebench.bench.verify.rig import Rig


def run(rig: Rig) -> LockFinding:
    """Lose the reply to each of an acquire's requests in turn; look at those that were sent again."""
    a, b = rig.owners
    as_it_comes = a.connect(rig.manager, rig.urls_through, as_it_comes=True)
    client = "with the retries of redis.Redis(), " if as_it_comes else ""
    again = [lost for lost in lost_replies(rig, a, b) if lost.repeated]
    for lost in again:
        if lost.said is Said.REFUSED and lost.held:
            return rig.defect(
                f"{client}{lost.request} is sent again, finds its own token and reports failure: nobody has the lock",
                "fails",
                lost.calls,
            )
        if lost.said is Said.TAKEN and not lost.held:
            return rig.defect(
                f"{client}{lost.request} is sent again: told that it has the lock, which is free", "free", lost.calls
            )
    if not again:
        return rig.not_asked("neither the lock nor its client sends a request again")
    return rig.holds(f"{client}{again[-1].request} is sent again, and the lock is recognised: {again[-1].text}")


PLUGIN = LockCheck("blind_retry", "a retry finds its own lock", run, needs=EXCLUDES, gateway=True, refuses=refuses)
