"""What a run needs to be allowed on a server that is not ours, tried there before the first trial.

Each command is tried once, on a key under our own prefix. The scripts' commands are among them: what a script calls is
held against the permissions of who called it (valkey.io, "ACL"). The rule that suffices stands in
docs/howto/own-redis.md.
"""

import secrets
from collections.abc import Sequence
from contextlib import closing, suppress

from leasebench.enactors.store.redis.keys import Keys
from leasebench.enactors.store.redis.wire import Argument, Wire
from leasebench.leases.errors import ServerError
from leasebench.leases.servers import ReplicaWait, access_of

NO_PERMISSION, NO_SCRIPT, NO_MULTI = "NOPERM", "NOSCRIPT", "ERR EXEC without MULTI"
NO_KEY = "key"
"""What the refusal of a key, and not of a command, speaks of."""
SUBCOMMANDS = ("SCRIPT", "XINFO")


def probes(key: str) -> list[tuple[Argument, ...]]:
    """One call of each command that a run uses, in an order in which each finds what it needs; `key` is gone after."""
    return [
        ("SET", key, 1),
        ("GET", key),
        ("EXISTS", key),
        ("INCR", key),
        ("PEXPIRE", key, 60_000),
        ("DEL", key),
        ("HSET", key, "field", 1),
        ("HGET", key, "field"),
        ("HINCRBY", key, "field", 1),
        ("HDEL", key, "field"),
        ("UNLINK", key),
        ("ZADD", key, 1, "member"),
        ("ZRANGE", key, 0, -1),
        ("ZREVRANGE", key, 0, -1),
        ("ZREM", key, "member"),
        ("UNLINK", key),
        ("XADD", key, "1-1", "field", 1),
        ("XLEN", key),
        ("XRANGE", key, "-", "+"),
        ("XREVRANGE", key, "+", "-"),
        ("XINFO", "STREAM", key),
        ("XREAD", "COUNT", 1, "STREAMS", key, 0),
        ("XTRIM", key, "MINID", 0),
        ("UNLINK", key),
        ("WATCH", key),
        ("UNWATCH",),
        ("MULTI",),
        ("EXEC",),
        ("SCRIPT", "LOAD", "return 1"),
        ("EVALSHA", "0" * 40, 0),
        ("SCAN", 0, "MATCH", key, "COUNT", 1),
        ("TIME",),
        ("INFO", "server"),
    ]


def denied(url: str) -> list[str]:
    """Name every command, and our keys, that the user of `url` may not use. Raises as a Wire does."""
    keys = Keys("preflight", secrets.token_hex(8), "probe")
    waits = [("WAIT", 0, 1)] if ReplicaWait.of(url) is not None else []
    key = f"{keys.prefix}key"
    with closing(Wire(access_of(url).at_key(url, keys.prefix))) as wire:
        return _missing(wire, key, [*probes(key), *waits])


def _missing(wire: Wire, key: str, tried: Sequence[tuple[Argument, ...]]) -> list[str]:
    missing: dict[str, None] = {}
    for probe in tried:
        try:
            wire.call(*probe)
        except ServerError as error:
            text = str(error)
            if NO_PERMISSION in text:
                name = " ".join(map(str, probe[: 2 if probe[0] in SUBCOMMANDS else 1]))
                missing["the keys lb:*" if NO_KEY in text.lower() else name] = None
            elif not text.startswith((NO_SCRIPT, NO_MULTI)) and not missing:
                raise  # other errors follow from what is missing, as of a key that could not be deleted in between
    if missing:
        for command in ("UNLINK", "DEL"):
            with suppress(ServerError):
                wire.call(command, key)
    return list(missing)
