"""How much of a server's append-only file would survive a loss of power: what it has fsynced, and no more.

Killing a process loses nothing that it wrote, because the system keeps its page cache; a machine without power loses
it. So we keep asking the server itself what it has fsynced: write a tiny key, then WAITAOF (valkey.io, "WAITAOF"),
which answers when the write is on disk. Everything that stood in the file before that write is then on disk too.
"""

import select
import socket
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path

ASK_EVERY_S = 0.1
ASKERS = 25
"""Connections that may wait at once: with one fsync a second about ten do."""
ANSWER_WITHIN_MS = 10_000
JOIN_WITHIN_S = 5.0
FOLDER = "appendonlydir"
QUESTION = b"SET leasebench:durable 1\r\nWAITAOF 1 0 %d\r\n" % ANSWER_WITHIN_MS
ANSWER_BYTES = len(b"+OK\r\n*2\r\n:1\r\n:0\r\n")
ON_DISK = b"+OK\r\n*2\r\n:1\r\n"
"""The rest of the answer counts replicas."""


class Durable:
    """Watches the append-only file of the server at the socket `path` from a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent / FOLDER
        self.known = self.written()
        """The increment in use and how much of it is on disk: all, when the server has just been started on it."""
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="durable", daemon=True)
        self._thread.start()

    def written(self) -> tuple[int, int]:
        """The number of the newest increment and its size; zeros if there is none."""
        files = self._increments()
        return (max(files), files[max(files)].stat().st_size) if files else (0, 0)

    def stop(self) -> None:
        """Stop asking; what is known stays."""
        self._over.set()
        self._thread.join(JOIN_WITHIN_S)

    def cut(self) -> int:
        """Take the power away: cut what was not on disk. For a server that has ended. Returns the bytes that are gone.

        An increment that was begun and never seen on disk is cut to nothing.
        """
        number, size = self.written()
        if not number:
            return 0
        kept = self.known[1] if self.known[0] == number else 0
        with self._increments()[number].open("rb+") as file:
            file.truncate(kept)
        return size - kept

    def _increments(self) -> dict[int, Path]:
        """The increments of the append-only file by number: `appendonly.aof.<number>.incr.aof`."""
        return {int(path.name.split(".")[-3]): path for path in self._folder.glob("*.incr.aof")}

    def _watch(self) -> None:
        with ExitStack() as stack, suppress(OSError):  # the server has ended: nothing more will be on disk
            idle = [stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(ASKERS)]
            for asker in idle:
                asker.connect(str(self._path))
            asked: dict[socket.socket, tuple[int, int]] = {}
            answers: dict[socket.socket, bytes] = {}
            while not self._over.is_set():
                if idle:
                    asker = idle.pop()
                    asked[asker], answers[asker] = self.written(), b""
                    asker.sendall(QUESTION)
                ask_again = time.monotonic() + ASK_EVERY_S
                while (left := ask_again - time.monotonic()) > 0 and not self._over.is_set():
                    for asker in select.select(list(asked), [], [], left)[0]:
                        data = asker.recv(ANSWER_BYTES)
                        answers[asker] += data
                        if not data:
                            return
                        if len(answers[asker]) == ANSWER_BYTES:
                            if answers[asker].startswith(ON_DISK):
                                self.known = max(self.known, asked.pop(asker))
                            asked.pop(asker, None)
                            idle.append(asker)
