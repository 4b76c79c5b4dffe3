"""Grants of a lock that we did not write, from what a passive replica heard of its keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leasebench.results.evidence.clocks import NEVER
from leasebench.results.evidence.lock_writes import LockWrite, LockWritesWriter, read_lock_writes
from leasebench.results.evidence.server_holds import (
    NO_KEY,
    Owner,
    Write,
    grants_in,
    keys_of_leases,
    untold_by,
    writes_to,
)
from leasebench.results.record.lock_writes import token_digest

TTL_MS = 100
KEY = "lb:{r.1.c0}:lease:e000"
LATE_US = 300
"""How much later than it happened the replica hears of a write."""


def told(*steps: tuple[int, str, str], released: dict[str, int] | None = None, ttl_ms: int | None = TTL_MS):
    """Which grants violate exclusion, by their owner's letter: of steps (at ms, command, owner)."""
    owners = {
        token_digest(letter.encode()): Owner(0, at * 1_000_000, (released or {}).get(letter, NEVER // 10**6) * 10**6)
        for at, command, letter in steps
        if command in ("set", "setnx") and letter.isupper()
    }
    digests = {token_digest(letter.encode()): letter for _, _, letter in steps}
    writes = []
    for number, (at, command, letter) in enumerate(steps):
        sets = command in ("set", "setnx")
        expires = (at + TTL_MS) * 1_000 if ttl_ms and command in ("set", "pexpireat") else -1
        digest = token_digest(letter.encode()) if sets else -1
        writes.append(Write(number, at * 1_000_000 + LATE_US * 1_000, at * 1_000 + LATE_US, command, digest, expires))
    grants = list(grants_in(0, writes, owners, None if ttl_ms is None else ttl_ms * 1_000))
    assert all(grant.lease == 0 for grant in grants)
    return [digests[writes[grant.seq].digest] for grant in grants if grant.violates]


@pytest.mark.parametrize(
    ("steps", "released", "violating"),
    [
        ([(0, "set", "A"), (30, "del", ""), (31, "set", "B")], {"A": 29}, []),
        ([(0, "set", "A"), (101, "del", ""), (101, "set", "B")], {}, []),  # it expired; its owner was stopped
        ([(0, "set", "A"), (101, "set", "B"), (150, "del", ""), (151, "set", "C")], {"A": 149}, ["C"]),
        ([(0, "set", "A"), (50, "set", "B")], {}, ["B"]),  # without NX
        ([(0, "set", "A"), (50, "set", "A"), (120, "set", "B")], {}, ["B"]),  # renewed by a set, then overwritten
        ([(0, "set", "A"), (50, "pexpireat", ""), (120, "del", ""), (121, "set", "B")], {}, ["B"]),
        ([(0, "set", "A"), (50, "pexpireat", ""), (151, "set", "B")], {}, []),
        ([(0, "set", "A"), (50, "flushall", ""), (60, "set", "B")], {}, ["B"]),  # the server forgot it
        ([(0, "set", "a"), (50, "del", ""), (60, "set", "B")], {}, []),  # nobody was told that he had it
        ([(0, "set", "A"), (50, "persist", ""), (500, "set", "B")], {}, ["B"]),
    ],
)
def test_a_grant_stands_until_it_expires_or_its_own_owner_gives_it_back(steps, released, violating):
    assert told(*steps, released=released) == violating


def test_without_a_time_to_live_only_its_owner_ends_a_grant():
    steps = (0, "setnx", "A"), (5_000, "del", ""), (5_001, "setnx", "B")
    assert told(*steps, ttl_ms=None) == ["B"]
    assert told(*steps, released={"A": 4_999}, ttl_ms=None) == []


def test_the_instant_of_a_grant_is_told_by_its_expiry_not_by_when_it_was_heard():
    steps = (0, "set", "A"), (99, "del", ""), (99, "set", "B")
    assert told(*steps) == ["B"], "1 ms before it would have expired"
    assert told(*steps, ttl_ms=None) == ["B"], "a set without a time to live stands for ever"


@given(st.lists(st.tuples(st.integers(0, 250), st.booleans()), min_size=1, max_size=25))
def test_a_server_that_lets_nobody_in_beside_another_never_violates(turns):
    """Each owner waits, takes the key as soon as it is free, and gives it back or lets it expire."""
    now, steps, released = 0, [], {}
    for number, (held, gives_back) in enumerate(turns):
        letter = chr(ord("A") + number)
        steps.append((now, "set", letter))
        if gives_back and held < TTL_MS:
            released[letter] = now + held
            now += held
        else:
            now += TTL_MS + 1
            released[letter] = now + held
        steps.append((now, "del", ""))
    assert told(*steps, released=released) == []


def test_the_file_is_read_as_it_was_written_and_tells_the_key_of_each_lease(tmp_path):
    path = tmp_path / "lock_writes.parquet"
    writer = LockWritesWriter(path)
    token = token_digest(b"A")
    writer.append([LockWrite(1, 2, "setnx", KEY, token), LockWrite(2, 3, "pexpireat", KEY, None, 7_000)])
    writer.append([LockWrite(3, 4, "flushall", None), LockWrite(4, 5, "lpush", KEY + ":queue")])
    writer.close()
    writes = read_lock_writes(path)
    assert list(writes["seq"]) == [0, 1, 2, 3]
    owners = {token: Owner(3, 1, 2)}
    assert keys_of_leases(writes, owners) == {3: KEY}
    rows = list(writes_to(writes, KEY))
    assert [row.command for row in rows] == ["setnx", "pexpireat", "flushall"]
    assert rows[0].expires_us == 7_000, "the expiry that the same script set"
    assert untold_by({3: rows}, owners) == ""


def test_what_the_keys_do_not_tell_is_not_told():
    owners = {1: Owner(0, 1, 2), 2: Owner(0, 1, 2)}
    assert untold_by({}, owners) == NO_KEY
    assert "1 of 2 grants" in untold_by({0: [Write(0, 0, 0, "set", 1, -1)]}, owners)
    both = [Write(0, 0, 0, "set", 1, -1), Write(1, 0, 0, "set", 2, -1)]
    assert untold_by({0: both}, owners) == ""
    assert "rename" in untold_by({0: [*both, Write(2, 0, 0, "rename", -1, -1)]}, owners)
