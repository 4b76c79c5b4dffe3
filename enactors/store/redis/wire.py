"""One connection to the server, one request at a time, below redis-py's client API.

redis-py makes the connection (URL, TLS, AUTH, SELECT; whom to connect to: `leases.servers`). Then its socket is used
directly, because its client costs more than the commit that it carries: 97 us a scripted commit through the default
client, 46 us on the bare socket. There are no retries unless a scenario asks for them: a retry repeats a write whose
reply was lost.
"""

import re
import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from time import sleep
from typing import Any

import redis
from hiredis import ProtocolError, Reader, ReplyError
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

from leasebench.enactors.store.redis.scripts import Script
from leasebench.enactors.store.store import DEFAULT_TIMEOUT_S
from leasebench.leases.errors import ReplyUnknown, ServerDown, ServerError
from leasebench.leases.servers import NOT_THE_PRIMARY, access_of, pool_of

Argument = str | int | float | bytes
RECEIVE_BYTES = 65_536
CLIENT_NAME = "leasebench"
"""What each of our connections is called, by which a server tells them from those of a library that it serves, too."""
BACK_OFF = ExponentialWithJitterBackoff()
"""Between the tries of a client that retries: redis-py's own, drawn below 16 ms, doubling, 512 ms at most."""


class Prepared:
    """An EVALSHA whose keys and first arguments never change: only the last `more` arguments are packed anew."""

    __slots__ = ("head", "script")

    def __init__(self, source: Script, keys: Sequence[str], arguments: Sequence[Argument], more: int) -> None:
        fixed = ["EVALSHA", source.sha, len(keys), *keys, *arguments]
        self.script = source
        self.head = b"*%d\r\n" % (len(fixed) + more) + packed(*fixed)


class Wire:
    """A connection that reconnects by itself after it broke, and repeats a request only if it is told to.

    With `retries`, a request whose reply was lost is sent again on a new connection, up to that many times, as
    redis-py's default client does (ten times): blindly, for whether it was carried out is not known. A server that
    is down counts as a try. A transaction is never repeated: its watch was lost with the connection.
    """

    def __init__(self, url: str, timeout_s: float = DEFAULT_TIMEOUT_S, retries: int = 0) -> None:
        self._pool = pool_of(
            url,
            protocol=2,
            socket_timeout=timeout_s,
            socket_connect_timeout=timeout_s,
            retry=Retry(NoBackoff(), 0),
        )
        self._url, self._timeout_s = url, timeout_s
        self._moves = access_of(url).moves
        self._retries = retries
        self._known: set[tuple[int, str]] = set()
        """The scripts of transactions that were loaded, by the connection before which so many were given up."""
        self._connection: Any = None
        self._socket: Any = None
        self._reader = Reader()
        self.broken = 0
        """How often a connection was given up: whoever left state on one (WATCH) sees that it is gone."""

    def call(self, *arguments: Argument) -> Any:
        """Send one command and return its reply (bytes, int, list or None).

        Raises ServerDown, ReplyUnknown, or ServerError for an error reply.
        """
        return self._value(self._insist(command(arguments), 1)[0])

    def pipeline(self, *commands: Sequence[Argument]) -> list[Any]:
        """Send several commands at once; error replies stand among the replies as `hiredis.ReplyError`."""
        replies = self._insist(b"".join(map(command, commands)), len(commands))
        if self._moves:
            for reply in replies:
                if isinstance(reply, ReplyError) and NOT_THE_PRIMARY.search(str(reply)):
                    self._value(reply)
        return replies

    def run(self, prepared: Prepared, rest: bytes = b"") -> Any:
        """Run a prepared script with the `rest` of its arguments, packed; load it if the server does not know it."""
        payload = prepared.head + rest
        reply = self._insist(payload, 1)[0]
        if is_unknown_script(reply):
            self.load(prepared.script)
            reply = self._insist(payload, 1)[0]
        return self._value(reply)

    def run_all(self, requests: Sequence[Prepared]) -> list[Any]:
        """Run several prepared scripts, complete with their arguments, by one request; load what is not known there.

        Each is atomic by itself. Raises ServerError for the first error reply, after all were received.
        """
        if not requests:
            return []
        replies = self._insist(b"".join(each.head for each in requests), len(requests))
        unknown = [at for at, reply in enumerate(replies) if is_unknown_script(reply)]
        if unknown:
            for source in {requests[at].script.sha: requests[at].script for at in unknown}.values():
                self.load(source)
            again = self._insist(b"".join(requests[at].head for at in unknown), len(unknown))
            for at, reply in zip(unknown, again, strict=True):
                replies[at] = reply
        return [self._value(reply) for reply in replies]

    def transaction(self, prepared: Prepared, rest: bytes = b"") -> Any:
        """Run a prepared script in MULTI/EXEC; None if a watched key was written.

        The script must be loaded before: NOSCRIPT inside EXEC would end the transaction without its write.
        """
        self._make_known(prepared)
        payload = BEGIN + prepared.head + rest + EXECUTE
        return self._of_transaction(self._exchange(payload, 3)[2])

    def _make_known(self, prepared: Prepared) -> None:
        """Load the script of a transaction where another server may have become the one to ask: it may not know it."""
        if self._moves and (self.broken, prepared.script.sha) not in self._known:
            self.load(prepared.script)
            self._known.add((self.broken, prepared.script.sha))

    def _of_transaction(self, reply: Any) -> Any:
        executed = self._value(reply)
        return None if executed is None else self._value(executed[0])

    def load(self, source: Script) -> None:
        """Load a script into the server."""
        self.call("SCRIPT", "LOAD", source.source)

    def close(self) -> None:
        """Close the connection; the next call would open a new one."""
        if self._connection is not None:
            self._connection.disconnect()
            self.broken += 1
        self._connection = self._socket = None
        self._reader = Reader()

    def _connect(self) -> Any:
        # Not by the pool: it counts what it ever made, and is full after a hundred.
        connection: Any = self._pool.connection_class(**self._pool.connection_kwargs)
        try:
            connection.connect()
            _introduce(connection)
        except (redis.RedisError, OSError) as error:
            connection.disconnect()  # one that sentinels named stays open, whatever its read ended with
            raise ServerDown(f"{self._url}: {error}{_certificate_missing(self._url, error)}") from error
        self._connection = connection
        self._socket = connection._sock  # noqa: SLF001  (the socket is what this file is for)
        _let_kernel_time_out(self._socket, self._timeout_s)
        return self._socket

    def _insist(self, payload: bytes, replies: int) -> list[Any]:
        """Exchange, and try again as often as allowed. Unknown stays unknown: one of the tries may have arrived."""
        if not self._retries:
            return self._exchange(payload, replies)
        lost: ReplyUnknown | None = None
        for failures in range(self._retries + 1):
            if failures:
                sleep(BACK_OFF.compute(failures))
            try:
                return self._exchange(payload, replies)
            except ReplyUnknown as error:
                lost = error
            except ServerDown:
                if failures == self._retries and lost is None:
                    raise
        assert lost is not None
        raise lost

    def _value(self, reply: Any) -> Any:
        if isinstance(reply, ReplyError):
            text = str(reply)
            if self._moves and NOT_THE_PRIMARY.search(text):
                self.close()  # whom to ask is asked at the next connect
                raise ServerDown(f"{self._url}: {text}")
            raise ServerError(text)
        return reply

    def _exchange(self, payload: bytes, replies: int) -> list[Any]:
        connected = self._socket or self._connect()
        reader = self._reader
        try:
            connected.sendall(payload)
            received: list[Any] = []
            while data := connected.recv(RECEIVE_BYTES):
                reader.feed(data)
                while (reply := reader.gets()) is not False:
                    received.append(reply)
                    if len(received) == replies:
                        return received
            raise ConnectionResetError("the server closed the connection")
        except BlockingIOError as error:
            self.close()
            raise ReplyUnknown(f"{self._url}: timed out") from error
        except (OSError, ProtocolError) as error:
            self.close()
            raise ReplyUnknown(f"{self._url}: {error}") from error


def _introduce(connection: Any) -> None:
    """Give a connection our name. A server that does not let us is none the worse for it."""
    connection.send_command("CLIENT", "SETNAME", CLIENT_NAME)
    with suppress(redis.ResponseError):
        connection.read_response()


def _certificate_missing(url: str, error: Exception) -> str:
    """A server that asks for a certificate may say so in no words, and end the connection."""
    if not url.startswith("rediss") or "ssl_certfile=" in url or not re.search("EOF|CERTIFICATE_REQUIRED", str(error)):
        return ""
    return " (if it asks its clients for certificates: ?ssl_certfile=FILE&ssl_keyfile=FILE)"


def _let_kernel_time_out(connected: Any, timeout_s: float) -> None:
    """Let send and receive themselves time out: with a time-out of its own, Python polls before each of them.

    The two calls to poll are about 0.9 us of processor time a request. One that timed out raises BlockingIOError. Not
    for TLS, where one read may take several receives.
    """
    if type(connected) is not socket.socket:
        return
    seconds, microseconds = divmod(max(1, int(timeout_s * 1e6)), 1_000_000)
    timeval = struct.pack("@ll", seconds, microseconds)
    connected.settimeout(None)
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        connected.setsockopt(socket.SOL_SOCKET, option, timeval)


def is_unknown_script(reply: Any) -> bool:
    """Whether a server says that it has to be told the script first."""
    return isinstance(reply, ReplyError) and str(reply).startswith("NOSCRIPT")


def packed(*arguments: Argument) -> bytes:
    """Return arguments of a command as they are sent."""
    return b"".join(map(_bulk, arguments))


def packed_number(number: int) -> bytes:
    """Return the same as `packed(number)`, four times as fast: a commit's version and attempt are new each time."""
    digits = b"%d" % number
    return b"$%d\r\n%b\r\n" % (len(digits), digits)


def command(arguments: Sequence[Argument]) -> bytes:
    """Return a command as it is sent."""
    return b"*%d\r\n" % len(arguments) + packed(*arguments)


def _bulk(argument: Argument) -> bytes:
    data = argument if isinstance(argument, bytes) else str(argument).encode()
    return b"$%d\r\n%b\r\n" % (len(data), data)


BEGIN, EXECUTE = command(("MULTI",)), command(("EXEC",))
