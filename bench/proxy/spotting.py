"""Reading a client's requests off the wire, and recognising the commits among them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import hiredis

from leasebench.enactors.store.redis.scripts import commit_scripts

SETTING_UP = frozenset({b"AUTH", b"CLIENT", b"HELLO", b"SELECT"})
"""With these a connection is set up; they are no requests of the program that uses it."""
VERSION_AT = 5
"""Where the version stands among a commit's arguments (`lua/apply.lua`: ARGV[6])."""


@dataclass(frozen=True, slots=True)
class SpottedCommit:
    """The write of one endpoint: its key, and the version that it brings."""

    key: bytes
    version: int


@dataclass(slots=True)
class Request:
    """One request of a client, as it is to be forwarded. Of a transaction, its EXEC is the commit."""

    raw: bytes
    arrived_ns: int
    commit: SpottedCommit | None = None
    sets_up: bool = False


class Spotter:
    """Cuts what one connection sends into requests."""

    def __init__(self) -> None:
        self._reader = hiredis.Reader()
        self._queued: SpottedCommit | None = None
        self._in_transaction = False

    def feed(self, data: bytes, now_ns: int) -> list[Request]:
        """Return the requests that are complete now. Raises hiredis.ProtocolError for what is no array of strings."""
        self._reader.feed(data)
        requests = []
        while (words := self._reader.gets()) is not False:
            if not isinstance(words, list) or not words or not all(isinstance(word, bytes) for word in words):
                raise hiredis.ProtocolError("not a request")
            name = words[0].upper()
            requests.append(Request(packed(words), now_ns, self._commit(name, words), name in SETTING_UP))
        return requests

    def _commit(self, name: bytes, words: list[bytes]) -> SpottedCommit | None:
        if name == b"MULTI":
            self._in_transaction, self._queued = True, None
        elif name in (b"EXEC", b"DISCARD"):
            queued, self._queued, self._in_transaction = self._queued, None, False
            return queued if name == b"EXEC" else None
        elif name == b"EVALSHA" and len(words) > 3 and words[1].lower() in commit_names():
            keys = int(words[2])
            commit = SpottedCommit(words[3], int(words[3 + keys + VERSION_AT]))
            if not self._in_transaction:
                return commit
            self._queued = commit
        return None


def was_done(reply: Any) -> bool:
    """Whether the server's reply says that the commit was done: the version before, in a transaction's list or bare."""
    return isinstance(reply[0] if isinstance(reply, list) and reply else reply, int)


@cache
def commit_names() -> frozenset[bytes]:
    """The names under which the server knows the commit scripts, whatever rules there are."""
    names = frozenset(each.sha.encode() for each in commit_scripts())
    assert names
    return names


def packed(words: Sequence[bytes]) -> bytes:
    """A request as it goes over the wire."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
