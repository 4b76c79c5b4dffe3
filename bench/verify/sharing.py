"""One client of a lock used by two at once: by two threads, or by a process and its fork."""

import os
import pickle
import threading
from collections.abc import Callable

from leasebench.bench.verify.calls import LockTurn, OwnerCalls
from leasebench.parent_death import die_with_parent

Race = Callable[[], list[LockTurn]]


def on_two_threads(
    calls: OwnerCalls, resource: str, ttl_ms: int, start_ns: int, seconds: float
) -> list[list[LockTurn]]:
    """Let two threads race with one client. Returns the turns of each; raises RuntimeError with what a call raised."""
    found: dict[int, list[LockTurn]] = {}
    failed: list[BaseException] = []

    def race(number: int) -> None:
        try:
            found[number] = calls.race(resource, ttl_ms, start_ns, seconds, 1.0)
        except Exception as error:  # noqa: BLE001  (it is raised again below)
            failed.append(error)

    threads = [threading.Thread(target=race, args=(number,), daemon=True) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds + 10)
    if failed:
        raise RuntimeError(str(failed[0])) from failed[0]
    if len(found) < len(threads):
        raise RuntimeError("a thread did not come back from a call")
    return [found[0], found[1]]


def in_a_fork(calls: OwnerCalls, resource: str, ttl_ms: int, start_ns: int, seconds: float) -> list[list[LockTurn]]:
    """Let a process and its fork race, with a client that was built before. Raises RuntimeError, as the other."""
    parent, (read, write) = os.getpid(), os.pipe()
    child = os.fork()
    if not child:
        said: object
        try:
            die_with_parent(parent)
            said = calls.race(resource, ttl_ms, start_ns, seconds, 1.0)
        except BaseException as error:  # noqa: BLE001  (the other side raises it)
            said = f"in the fork: {error}"
        with os.fdopen(write, "wb") as pipe:
            pipe.write(pickle.dumps(said))
        os._exit(0)
    os.close(write)
    try:
        own = calls.race(resource, ttl_ms, start_ns, seconds, 1.0)
        with os.fdopen(read, "rb") as pipe:
            theirs = pickle.loads(pipe.read())  # noqa: S301  (our own fork wrote it)
    finally:
        os.waitpid(child, 0)
    if not isinstance(theirs, list):
        raise RuntimeError(theirs)  # noqa: TRY004  (what it raised there, as text)
    return [own, theirs]
