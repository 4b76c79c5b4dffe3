"""An interrupt ends a run in order, with nothing left behind; the next ones can't hasten that, and are ignored."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def interrupt(number: int, _frame: object) -> None:
    """Raise KeyboardInterrupt, once. To ignore all others to the very end is up to the system, not to a handler.

    The interpreter takes its own handlers back before it ends, and would then die of a late one.
    """
    for one in INTERRUPTS:
        signal.signal(one, signal.SIG_IGN)
    raise KeyboardInterrupt(signal.Signals(number).name)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP interrupt, but for those that whoever started us wants ignored (nohup).

    After an interrupt all stay ignored: what is left is to clear up, to say what was recorded, and to end.
    """
    before = {number: signal.getsignal(number) for number in INTERRUPTS}
    before = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in before:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:
                signal.signal(number, handler)
