"""`lock_writes.parquet`: what the lease server did to the keys of opaque locks, as a passive replica heard it."""

from hashlib import blake2b

from leasebench.results.record.names import LOCK_WRITES_FILE
from leasebench.results.record.table import TEXT, TableColumn, row_schema

DIGEST_BYTES = 7
"""So that it is a positive number of 64 bits; two of a million tokens are alike once in a hundred thousand trials."""
LOCK_WRITES = (
    TableColumn("seq", "int64", "its place among the writes that were heard, from 0: the order of the server"),
    TableColumn("heard_ns", "int64", "when the replica heard it, by the harness's clock, as the journal has it"),
    TableColumn("heard_us", "int64", "the same by the host's wall clock, in microseconds since the epoch"),
    TableColumn("command", TEXT, "what the server told its replica: `set`, `setnx`, `del`, `pexpireat`, `flushall`"),
    TableColumn("key", TEXT, "the key; null where it was every key", nullable=True),
    TableColumn("digest", "int64", "of the value that it set, as `seen` of an acquire; null without", nullable=True),
    TableColumn(
        "expires_us", "int64", "when the key expires by this write, by the server's clock; null: not", nullable=True
    ),
)


def token_digest(token: bytes) -> int:
    """The digest by which a token of an acquire and the value of a key are known to be the same; never 0."""
    return int.from_bytes(blake2b(token, digest_size=DIGEST_BYTES).digest(), "little") or 1


def lock_writes_schema() -> dict[str, object]:
    """The JSON Schema of one row."""
    return row_schema(LOCK_WRITES_FILE, "One write to a key of an opaque lock, or to all keys.", LOCK_WRITES)
