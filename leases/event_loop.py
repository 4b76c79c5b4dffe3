"""An event loop on a thread of its own, for locks whose methods are coroutines."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")
ENDS_WITHIN_S = 5.0


class LoopThread:
    """Runs coroutines for a thread that has no loop. `close` ends it, with whatever still runs on it."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Value], within_s: float | None = None) -> Value:
        """Run a coroutine to its end, and return or raise what it does; TimeoutError if it takes longer."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(within_s)

    def call(self, callback: Callable[[], object]) -> None:
        """Let the loop call this, without waiting for it."""
        self._loop.call_soon_threadsafe(callback)

    def close(self) -> None:
        """End the tasks that are left, then the loop and its thread."""
        self.run(_cancelled())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ENDS_WITHIN_S)
        self._loop.close()


async def _cancelled() -> None:
    """Cancel every task but this one, and wait for their ends."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=ENDS_WITHIN_S)
