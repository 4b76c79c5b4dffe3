"""Operations for checkers of consistency, read back as they read them and held against the model of registers.

Elle and Porcupine are not on PyPI or npm (they are on Maven Central and the Go proxy), so the property is asked by a
small checker of our own: the search of Wing and Gong (1993) with the memory of Lowe (2017), as Porcupine has it.
It shares nothing with the export but the file.
"""

import json
from collections import defaultdict

import edn_format
import pytest
from hypothesis import given
from hypothesis import strategies as st
from short_run import make_short_run
from tape import Tape, write_run

from leasebench.results.evidence.trial import read_trials
from leasebench.results.export.registers import Access, EventType, as_json, register_events, writes_are_unique
from leasebench.results.export.write import export
from leasebench.results.record.journal import RowOutcome
from leasebench.results.run import load

FOR_EVER = float("inf")


def calls(events):
    """The operations of a file of JSON by their register: (start, end, f, value); those that failed did nothing."""
    begun, done = {}, defaultdict(list)
    for one in events:
        if one["type"] == "invoke":
            assert one["process"] not in begun, "a process does one thing at a time"
            begun[one["process"]] = one
            continue
        began = begun.pop(one["process"])
        assert (began["f"], began["key"]) == (one["f"], one["key"])
        if one["type"] == "ok":
            done[one["key"]].append((began["time"], one["time"], one["f"], one["value"]))
        elif one["type"] == "info" and one["f"] == "write":
            done[one["key"]].append((began["time"], FOR_EVER, one["f"], one["value"]))
    assert begun == {}
    return done


def linearizable(operations):
    """Whether there is an order of the operations that a register allows, each at an instant between its ends."""
    operations = sorted(operations, key=lambda one: one[0])
    surely = sum(one[1] != FOR_EVER for one in operations)
    seen, todo = set(), [(frozenset(), None)]
    while todo:
        done, value = todo.pop()
        if sum(operations[each][1] != FOR_EVER for each in done) == surely:
            return True
        left = [each for each in range(len(operations)) if each not in done]
        first_end = min(operations[each][1] for each in left)
        for each in left:
            start, _, f, its = operations[each]
            if start > first_end:
                break
            if f == "read" and its != value:
                continue
            after = (done | {each}, its if f == "write" else value)
            if after not in seen:
                seen.add(after)
                todo.append(after)
    return False


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_short_run(tmp_path_factory.mktemp("registers") / "run")


@pytest.fixture(scope="module")
def exported(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    paths = list(export(load(run), out, ["edn", "jepsen-json"]))
    return out, paths


def test_the_store_of_a_real_run_behaves_as_registers_do(exported):
    _, paths = exported
    files = [path for path in paths if path.suffix == ".json" and path.name != "index.json"]
    assert len(files) == 2
    for path in files:
        found = calls(json.loads(path.read_text()))
        assert {f for every in found.values() for _, _, f, _ in every} == {"read", "write"}
        assert all(linearizable(operations) for operations in found.values())


def test_a_read_of_what_was_overwritten_before_is_not_a_register(exported):
    _, paths = exported
    path = next(path for path in paths if path.suffix == ".json" and path.name != "index.json")
    found = calls(json.loads(path.read_text()))
    operations = max(found.values(), key=len)
    last = max(end for _, end, _, _ in operations if end != FOR_EVER)
    written = [value for _, _, f, value in operations if f == "write"]
    assert linearizable([*operations, (last + 1, last + 2, "read", max(written))])
    assert not linearizable([*operations, (last + 1, last + 2, "read", min(written))])


def test_edn_says_the_same_as_json(exported):
    out, paths = exported
    for path in paths:
        if path.suffix != ".edn":
            continue
        own = json.loads((out / "jepsen-json" / path.with_suffix(".json").name).read_text())
        lines = path.read_text().splitlines()
        assert len(lines) == len(own) > 0
        for line, said in zip(lines, own, strict=True):
            read = {str(key)[1:]: value for key, value in edn_format.loads(line).items()}
            ((step, key, value),) = read["value"]
            assert (read["index"], read["process"], read["time"]) == (said["index"], said["process"], said["time"])
            assert [str(read["type"]), str(read["f"])] == [f":{said['type']}", ":txn"]
            assert (str(step), key, value) == (f":{said['f'][0]}", said["key"], said["value"])


def test_the_index_tells_what_each_file_holds(exported):
    out, paths = exported
    index = json.loads((out / "edn" / "index.json").read_text())
    assert {one["file"] for one in index} == {path.name for path in paths if path.suffix == ".edn"}
    # only newer versions are written, so none twice: what Elle takes for granted
    assert [one["unique_writes"] for one in index if one["guard"] == "monotonic"] == [True]


def test_what_was_never_answered_may_have_happened_and_its_process_goes_on_as_another(tmp_path):
    tape = Tape()
    tape.check(1, 0, seen=0)
    tape.commit(2, 0, 5, outcome=RowOutcome.UNKNOWN)
    tape.check(4, 0, seen=5)
    tape.check(5, 1, seen=5, outcome=RowOutcome.UNKNOWN)
    run = write_run(tmp_path / "run", tape)
    (trial,) = read_trials(next((run / "trials").iterdir()))
    events = register_events(trial)
    told = [(one.type, one.f, one.value) for one in events]
    assert told == [
        (EventType.INVOKE, Access.READ, None),
        (EventType.OK, Access.READ, None),
        (EventType.INVOKE, Access.WRITE, 5),
        (EventType.INFO, Access.WRITE, 5),
        (EventType.INVOKE, Access.READ, None),
        (EventType.OK, Access.READ, 5),
        (EventType.INVOKE, Access.READ, None),
        (EventType.INFO, Access.READ, None),
    ]
    first, second = events[0].process, events[4].process
    assert (events[3].process, events[5].process) == (first, second)
    assert first != second != events[6].process
    assert writes_are_unique(events)
    assert all(map(linearizable, calls(json.loads("\n".join(as_json(events)))).values()))


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 3), st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_the_checker_allows_whatever_a_register_did(steps):
    value, operations = None, []
    for at, (write, wanted, early, late) in enumerate(steps):
        value = wanted if write else value
        operations.append((at - early, at + late, "write" if write else "read", value))
    assert linearizable(operations)
