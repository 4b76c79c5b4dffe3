"""Several explorations side by side, each in a process of its own, so that the memory of one is free when it ends."""

import logging
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from multiprocessing.connection import wait
from typing import Any, TypeVar

from leasebench.bench.failure import one_line, with_evidence
from leasebench.bench.hosts.forkserver import running_forkserver, undisturbed
from leasebench.bench.hosts.reaper import reaper
from leasebench.parent_death import die_with_parent

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer")
END_WAIT_S = 5.0
"""How long a child that has answered may take to end."""


class ChildFailed(Exception):
    """A process ended without an answer, or with an error; the message says which."""


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def side_by_side(jobs: Sequence[Callable[[], Answer]], at_once: int) -> Iterator[tuple[int, Answer]]:
    """Do the jobs, at most `at_once` at a time, in the order given. Yields each one's number and answer as it comes.

    Children end with the parent, also when that is killed. Raises ChildFailed.
    """
    if at_once == 1 or len(jobs) == 1:
        yield from ((number, job()) for number, job in enumerate(jobs))
        return
    context = running_forkserver()
    waiting = list(enumerate(jobs))[::-1]
    running: dict[Any, tuple[int, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                number, job = waiting.pop()
                with undisturbed():
                    ours, theirs = context.Pipe(duplex=False)
                    process = context.Process(target=_work, args=(job, theirs), name=f"explorer-{number}", daemon=True)
                    process.start()
                    logger.info("explorer-%d started: pid %d", number, process.pid)
                    reaper().watch_process(process.pid)
                    theirs.close()
                running[ours] = (number, process)
            for line in wait(list(running)):
                number, process = running.pop(line)
                yield number, _answer(line, process)
    finally:
        for line, (_, process) in running.items():
            process.kill()
            line.close()
            process.join()
            reaper().forget_process(process.pid)


def _answer(line: Any, process: Any) -> Any:
    try:
        good, answer = line.recv()
    except EOFError:
        process.join(END_WAIT_S)
        logger.warning("%s ended without an answer: exit code %s", process.name, process.exitcode)
        raise ChildFailed(
            f"a process that explored was ended with exit code {process.exitcode}: is there enough memory?"
        ) from None
    finally:
        line.close()
    process.join(END_WAIT_S)
    reaper().forget_process(process.pid)
    if not good:
        said, evidence = answer
        raise with_evidence(ChildFailed(said), "a process that explored", evidence)
    return answer


def _work(job: Callable[[], Any], line: Any) -> None:
    """Do one job in a child."""
    die_with_parent(os.getppid())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        answer = (True, job())
    except Exception as error:  # noqa: BLE001  (whatever it is, the parent must learn of it)
        answer = (False, (one_line(error), traceback.format_exc()))
    with suppress(BrokenPipeError):
        line.send(answer)
