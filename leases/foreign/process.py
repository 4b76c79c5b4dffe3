"""The process of a foreign lock, as its owner sees it: started, asked one thing at a time, and ended.

It stands in a process group of its own, together with what it starts, so that whatever stops or kills its owner can
do the same to all of it. One thread asks. Whatever is wrong with the process is a ForeignFailed, with its last lines.
"""

import os
import re
import select
import shlex
import signal
import time
from collections import deque
from collections.abc import Iterable, Sequence
from contextlib import suppress
from subprocess import PIPE, Popen
from time import perf_counter
from typing import IO
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import ValidationError

from leasebench.leases.foreign.protocol import (
    ANSWER,
    MAX_LINE_BYTES,
    PROTOCOL,
    Hello,
    HelloRequest,
    LockReply,
    LockRequest,
    LostNotice,
)
from leasebench.parent_death import arm

HELLO_WITHIN_S = 15.0
"""A virtual machine starts slowly on a busy host."""
ENDS_WITHIN_S = 1.0
REASON_WITHIN_S = 0.2
"""How long we wait for the end of a process that closed its output, to say how it ended."""
SLICE_S = 0.1
"""A wait counts at most so much of the time between two looks: an owner that was stopped meanwhile counts no more."""
LAST_LINES, LONGEST_LINE = 20, 500
MOST_NOTICES = 1_000
"""How many losses a process may tell of within one call: one that tells more floods us."""
READ_BYTES = 65_536
TELLING = re.compile(r"[Ee]rror|[Ee]xception|panic")
"""What a line has that says why a program ended; around it stands where."""


class ForeignFailed(RuntimeError):
    """A foreign lock did not do as the protocol says; the first line says what, the others are its last lines."""


class ForeignProcess:
    """A program that speaks the line protocol. Raises ForeignFailed, or OSError where it can't be started."""

    def __init__(self, command: Sequence[str]) -> None:
        self.command = tuple(command)
        self._popen: Popen[bytes] = Popen(
            self.command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            bufsize=0,
            process_group=0,
            preexec_fn=arm(),  # noqa: PLW1509  (it allocates nothing)
        )
        self.group = self._popen.pid
        """The number of its process group."""
        self.notices: list[LostNotice] = []
        """The losses that it told of and nobody took yet."""
        self._number = 0
        self._unread = b""
        self._input, self._output, self._errors = (
            _number_of(stream) for stream in (self._popen.stdin, self._popen.stdout, self._popen.stderr)
        )
        self._said: deque[bytes] = deque(maxlen=LAST_LINES)
        self._complained = b""
        self._ready = select.poll()
        for number in (self._output, self._errors):
            os.set_blocking(number, False)
            self._ready.register(number, select.POLLIN)
        self._ended = False

    def hello(self, url: str | None, timeout_s: float) -> Hello | LockReply:
        """Say hello, and return its answer; one that can't be used here replies with an error, as to any request."""
        numbers = {"id": self._next(), "timeout_ms": int(timeout_s * 1000)}
        request = HelloRequest.model_validate(numbers | _parts_of(url))
        self._send(request)
        line = self._line(HELLO_WITHIN_S, request)
        try:
            hello = Hello.model_validate_json(line)
        except ValidationError as error:
            if (refusal := _refusal(line, request.id)) is not None:
                return refusal
            raise self.failed(f"answered hello with {_shown(line)}: {_mistake(error)}") from error
        if hello.id != request.id:
            raise self.failed(f"answered hello with the id {hello.id}, and {request.id} was asked")
        if hello.protocol != PROTOCOL:
            raise self.failed(f"speaks protocol {hello.protocol}, and this leasebench {PROTOCOL}")
        return hello

    def ask(self, request: LockRequest, within_s: float) -> LockReply:
        """Send a request and return its reply; what the process tells meanwhile is in `notices`."""
        self._send(request)
        told = len(self.notices)
        while True:
            answer = self._answer(self._line(within_s, request))
            if isinstance(answer, LockReply):
                if answer.id != request.id:
                    raise self.failed(f"answered {request.op} with the id {answer.id}, and {request.id} was asked")
                return answer
            self.notices.append(answer)
            if len(self.notices) - told > MOST_NOTICES:
                raise self.failed(f"told of more than {MOST_NOTICES} losses and did not answer {request.op}")

    def look(self) -> None:
        """Read what it told by itself, without waiting."""
        for _ in range(MOST_NOTICES):
            at = self._unread.find(b"\n")
            if at < 0:
                if not self._ready.poll(0) or not self._read():
                    return  # if it has ended, the next request or the end of the trial says so
                continue
            answer = self._answer(self._cut(at))
            if isinstance(answer, LockReply):
                raise self.failed(f"answered with the id {answer.id}, and nothing was asked")
            self.notices.append(answer)
        raise self.failed(f"told of {MOST_NOTICES} losses and more, and nothing was asked")

    def next_id(self) -> int:
        """The number of the next request."""
        return self._next()

    def close(self) -> None:
        """Let it end, and kill it with all that it started if it does not. Raises ForeignFailed if it ended before."""
        if self._ended:
            return
        if self._popen.poll() is not None:
            raise self.failed(f"{self._ending()} while nothing was asked")
        os.close(self._input)
        deadline = time.monotonic() + ENDS_WITHIN_S
        while self._popen.poll() is None and time.monotonic() < deadline:
            if self._ready.poll(SLICE_S * 100):
                self._read()  # one that has more to say would wait for room
        self._kill()

    def _kill(self) -> None:
        """Kill what is there of its group, stopped or not, and let go of everything."""
        if self._ended:
            return
        self._ended = True
        signal_groups((self.group,), signal.SIGKILL)
        self._popen.wait()
        for number in (self._input, self._output, self._errors):
            with suppress(OSError):
                os.close(number)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _send(self, request: LockRequest | HelloRequest) -> None:
        data = request.model_dump_json().encode() + b"\n"
        try:
            while data:
                data = data[os.write(self._input, data) :]
        except BrokenPipeError:
            raise self.failed(f"{self._ending()} before {request.op}") from None

    def _line(self, within_s: float, request: LockRequest | HelloRequest) -> bytes:
        """Wait for the next line; time that this process stood still does not count."""
        waited_s = 0.0
        while (at := self._unread.find(b"\n")) < 0:
            before = perf_counter()
            if not self._read_when_there():
                raise self.failed(f"{self._ending()} and did not answer {request.op}")
            if len(self._unread) > MAX_LINE_BYTES:
                raise self.failed(f"answered {request.op} with a line of more than {MAX_LINE_BYTES} bytes")
            waited_s += min(perf_counter() - before, SLICE_S)
            if waited_s >= within_s and b"\n" not in self._unread:
                raise self.failed(f"did not answer {request.op} within {within_s:.1f} s")
        return self._cut(at)

    def _cut(self, at: int) -> bytes:
        """Take the line that ends at `at` from what is unread."""
        line, self._unread = self._unread[:at], self._unread[at + 1 :]
        self._said.append(line)
        return line

    def _read_when_there(self) -> bool:
        """Wait SLICE_S at most for something to read, and read it; False if it has ended, or its output has."""
        # What it started may hold its output open after its own end.
        return self._read() if self._ready.poll(SLICE_S * 1000) else self._popen.poll() is None

    def _read(self) -> bool:
        """Read what is there. False at the end of its output."""
        try:
            found = os.read(self._output, READ_BYTES)
        except BlockingIOError:
            self._read_errors()
            return True
        self._unread += found
        return bool(found)

    def _read_errors(self) -> bool:
        """Read what stands in its standard error, without waiting; False where there is nothing."""
        try:
            found = os.read(self._errors, READ_BYTES)
        except BlockingIOError:
            return False
        if not found:
            with suppress(KeyError):  # once it is closed there is nothing to wait for
                self._ready.unregister(self._errors)
        self._complained = (self._complained + found)[-LAST_LINES * LONGEST_LINE :]
        return bool(found)

    def _answer(self, line: bytes) -> LockReply | LostNotice:
        try:
            answer = ANSWER.validate_json(line)
        except ValidationError as error:
            raise self.failed(f"said {_shown(line)}: {_mistake(error)}") from error
        return answer

    def _ending(self) -> str:
        """How it ended, or that it only closed its output, as a part of a sentence."""
        deadline = time.monotonic() + REASON_WITHIN_S
        while (code := self._popen.poll()) is None and time.monotonic() < deadline:
            time.sleep(0.001)
        if code is None:
            return "closed its output"
        return f"was killed by signal {-code}" if code < 0 else f"ended by itself with exit code {code}"

    def failed(self, what: str) -> ForeignFailed:
        """End it, and return the error: what is wrong, the most telling line, then all last lines."""
        if not self._ended:
            for _ in range(LAST_LINES):
                if not self._read_errors():
                    break
            self._kill()
        text = self._complained.decode(errors="replace")
        complained = [line[:LONGEST_LINE] for line in text.splitlines() if line.strip()][-LAST_LINES:]
        last = complained[-1] if complained else ""
        said = next((line for line in reversed(complained) if TELLING.search(line)), last)
        head = f"the foreign lock `{shlex.join(self.command)}` {what}{f' ({said.strip()})' if said else ''}"
        heard = [f"stdout: {_shown(line)}" for line in self._said]
        return ForeignFailed("\n".join([head, *heard, *(f"stderr: {line}" for line in complained)]))


def signal_groups(groups: Iterable[int], number: signal.Signals) -> None:
    """Send a signal to process groups; one that is gone, or that we may not signal any more, is passed over."""
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)


def _number_of(stream: IO[bytes] | None) -> int:
    assert stream is not None
    number = os.dup(stream.fileno())
    stream.close()
    return number


def _parts_of(url: str | None) -> dict[str, object]:
    """A URL of Redis, taken apart; of another server the URL alone."""
    if url is None:
        return {}
    parts = urlsplit(url)
    if parts.scheme not in ("unix", "redis", "rediss"):
        return {"url": url}
    query = dict(parse_qsl(parts.query))
    database = query.get("db", "0") if parts.scheme == "unix" else parts.path.strip("/") or query.get("db", "0")
    where: dict[str, object] = (
        {"socket": unquote(parts.path)}
        if parts.scheme == "unix"
        else {"host": parts.hostname or "localhost", "port": parts.port or 6379}
    )
    return {
        "url": url,
        **where,
        "username": unquote(parts.username or "") or query.get("username"),
        "password": unquote(parts.password or "") or query.get("password"),
        "db": int(database),
    }


def _refusal(line: bytes, number: int) -> LockReply | None:
    """The answer to hello of a lock that can't be used; None if it is none."""
    with suppress(ValidationError):
        reply = LockReply.model_validate_json(line)
        if reply.id == number and reply.error is not None and not reply.ok:
            return reply
    return None


def _shown(line: bytes) -> str:
    text = line.decode(errors="replace")
    return repr(text if len(text) <= 100 else f"{text[:100]}...")


def _mistake(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("reply", "lost"))
    return f"{place}: {first['msg']}" if place else str(first["msg"])
