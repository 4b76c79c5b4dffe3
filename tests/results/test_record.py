"""A file of a run directory is read as its model: what older and newer versions write too, and nothing damaged."""

import json
import tomllib

import jsonschema
import pytest

from leasebench.bench.rundir import write_json
from leasebench.bench.suite import load_suite, suite_files
from leasebench.results.record.faults import FaultRow, read_faults
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.manifest import read_manifest
from leasebench.results.record.names import FAULTS_FILE, MANIFEST_FILE, SUITE_FILE, TRIAL_FILE
from leasebench.results.record.process import Process
from leasebench.results.record.schemas import published_schemas
from leasebench.results.record.suite import SuiteRecord, read_suite
from leasebench.results.record.trial import TrialFacts, read_facts
from leasebench.verdict import Verdict

ROW = {
    "fault": "partition",
    "number": 2,
    "colour": "#0072b2",
    "process": "harness",
    "targets": ["c0.enactor-0", "c1.enactor-0"],
    "server": None,
    "tells": "{target} is cut off",
    "instant": False,
    "action": "fault",
    "start_ns": 100,
    "end_ns": None,
    "asked_ms": 5.0,
    "lasted_ms": 0.0,
    "hit": True,
}


class TestFaults:
    def test_are_written_as_they_are_read(self, tmp_path):
        (tmp_path / FAULTS_FILE).write_text(json.dumps([ROW]))
        (row,) = read_faults(tmp_path)
        assert row.targets == (Process("enactor", 0, "c0"), Process("enactor", 0, "c1"))
        assert row.span_ns == (100, 100), "the end of it was not seen"
        write_json(tmp_path / FAULTS_FILE, (row,))
        assert json.loads((tmp_path / FAULTS_FILE).read_text()) == [ROW]

    def test_words_of_a_fault_may_hold_any_brace(self):
        row = FaultRow(fault="rate", hit=True, description="{target} is held to {limit} a second, {}")
        assert row.said_of("enactor-0") == "enactor-0 is held to {limit} a second, {}"

    def test_of_an_older_version_lack_what_it_did_not_tell(self, tmp_path):
        (tmp_path / FAULTS_FILE).write_text('[{"fault": "pause", "hit": false}]')
        (row,) = read_faults(tmp_path)
        assert (row.fault, row.hit, row.targets, row.span_ns, row.from_outside) == ("pause", False, (), None, False)

    def test_of_a_newer_version_are_read_and_written_with_what_it_added(self, tmp_path):
        write_json(tmp_path / FAULTS_FILE, (FaultRow.model_validate(ROW | {"moon": "full"}),))
        assert [row.model_dump()["moon"] for row in read_faults(tmp_path)] == ["full"]
        assert json.loads((tmp_path / FAULTS_FILE).read_text()) == [ROW | {"moon": "full"}]

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            ('{"a": 1}', "holds no JSON list"),
            ("[", "cannot be read: "),
            ('["pause"]', "0: "),
            ('[{"fault": "pause"}]', "the key 0.hit is missing"),
            (json.dumps([ROW, ROW | {"start_ns": "soon"}]), "1.start_ns: "),
            (json.dumps([ROW | {"targets": [""]}]), "0.targets.0: "),
        ],
    )
    def test_that_are_damaged_are_told_in_a_line_with_file_and_key(self, tmp_path, content, told):
        path = tmp_path / FAULTS_FILE
        path.write_text(content)
        with pytest.raises(BadRunDirectory) as raised:
            read_faults(tmp_path)
        assert str(raised.value).startswith(f"{path}: {told}")
        assert len(str(raised.value).splitlines()) == 1


STARTED = TrialFacts(
    number=1,
    guard="txt_lock",
    scenario="steady",
    seed=7,
    status="running",
    history=False,
    began=1.7e9,
    cells=("c0",),
    endpoints=("e000",),
    enactors=("enactor-0",),
    min_races=59,
    settle_s=2.0,
    expected=(Verdict.STALE,),
    lease=None,
)


class TestTrial:
    def test_has_in_its_file_what_is_known_and_no_more(self, tmp_path):
        write_json(tmp_path / TRIAL_FILE, STARTED)
        written = json.loads((tmp_path / TRIAL_FILE).read_text())
        assert written["lease"] is None, "it is known that there is no lease"
        assert not {"reason", "notes", "load_s", "processes", "schedule", "stepped_clocks"} & set(written)
        assert read_facts(tmp_path) == STARTED

    def test_that_has_ended_is_another_value_and_keeps_its_first_reason(self, tmp_path):
        ended = STARTED.failed("the server died").adding(load_s=1.5, lease={"ttl_ms": 100, "audited": True})
        assert (STARTED.status, STARTED.load_s) == ("running", None)
        assert ended.failed("the disk is full").reason == "the server died"
        write_json(tmp_path / TRIAL_FILE, ended)
        read = read_facts(tmp_path)
        assert read == ended
        assert (read.status, read.reason, read.load_s, read.lease.ttl_ms) == ("failed", "the server died", 1.5, 100)

    def test_keeps_what_a_newer_version_added(self, tmp_path):
        (tmp_path / TRIAL_FILE).write_text(json.dumps(STARTED.model_dump(mode="json") | {"moon": "full"}))
        assert read_facts(tmp_path).adding(load_s=1.0).model_dump()["moon"] == "full"

    @pytest.mark.parametrize(
        ("changes", "told"),
        [
            ({"cells": "c0"}, "cells: "),
            ({"lease": {"ttl_ms": 100}}, "the key lease.audited is missing"),
            ({"expected": ["fine"]}, "expected.0: "),
            ({"min_races": "many"}, "min_races: "),
        ],
    )
    def test_that_is_damaged_is_told_in_a_line_with_file_and_key(self, tmp_path, changes, told):
        path = tmp_path / TRIAL_FILE
        path.write_text(json.dumps(STARTED.model_dump(mode="json") | changes))
        with pytest.raises(BadRunDirectory) as raised:
            read_facts(tmp_path)
        assert str(raised.value).startswith(f"{path}: {told}")
        assert len(str(raised.value).splitlines()) == 1


SUITE_TEXT = """
name = "mine"
trials = 2
moon = "full"
[[guards]]
name = "theirs"
commit = "fenced"
exclude = {manager = "a_lock_that_is_not_installed", colour = "red"}
[[scenarios]]
name = "steady"
guards = ["theirs"]
faults = [{kind = "meteor", mass_kg = 12}]
"""


class TestSuite:
    def test_needs_no_plug_in_of_those_that_it_names(self, tmp_path):
        (tmp_path / SUITE_FILE).write_text(SUITE_TEXT)
        suite = read_suite(tmp_path)
        guard, scenario = suite.guard("theirs"), suite.scenario("steady")
        assert (guard.manager, guard.commit) == ("a_lock_that_is_not_installed", "fenced")
        assert (scenario.trouble, scenario.load.rollback, scenario.faults[0].kind) == ("timing", False, "meteor")
        assert suite.asked_for is None, "it is of before that was recorded"

    def test_keeps_what_a_newer_version_added_and_writes_what_was_said(self, tmp_path):
        (tmp_path / SUITE_FILE).write_text(SUITE_TEXT)
        assert read_suite(tmp_path).model_dump(mode="json", exclude_unset=True) == tomllib.loads(SUITE_TEXT)

    def test_of_every_suite_of_ours_is_read_back_as_it_was_resolved(self):
        for name in suite_files():
            resolved = load_suite(name).model_dump(mode="json", exclude_none=True)
            assert SuiteRecord.model_validate(resolved).model_dump(mode="json", exclude_unset=True) == resolved

    @pytest.mark.parametrize(
        ("before", "after", "told"),
        [
            ("trials = 2", "", "the key trials is missing"),
            ("trials = 2", "trials = [", "cannot be read: "),
            ('name = "theirs"', "", "the key guards.0.name is missing"),
            ('faults = [{kind = "meteor", mass_kg = 12}]', "faults = 3", "scenarios.0.faults: "),
        ],
    )
    def test_that_is_damaged_is_told_in_a_line_with_file_and_key(self, tmp_path, before, after, told):
        path = tmp_path / SUITE_FILE
        path.write_text(SUITE_TEXT.replace(before, after))
        with pytest.raises(BadRunDirectory) as raised:
            read_suite(tmp_path)
        assert str(raised.value).startswith(f"{path}: {told}")
        assert len(str(raised.value).splitlines()) == 1


class TestManifest:
    def test_is_written_under_its_keys_and_says_nothing_that_was_not_recorded(self, tmp_path):
        text = '{"schema": 1, "seed": 7, "versions": {"python": "3.11.7", "a_lock": "2"}, "machine": {"moon": "full"}}'
        (tmp_path / MANIFEST_FILE).write_text(text)
        manifest = read_manifest(tmp_path)
        assert (manifest.seed, manifest.began, manifest.server.name, manifest.affinity.planner) == (7, None, None, None)
        write_json(tmp_path / MANIFEST_FILE, manifest)
        assert json.loads((tmp_path / MANIFEST_FILE).read_text()) == json.loads(text)

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("{}", "schema None; this leasebench reads schema 1"),
            ("[]", "holds no JSON object"),
            ('{"schema": 1, "affinity": {"planner": "all"}}', "affinity.planner: "),
        ],
    )
    def test_that_is_damaged_is_told_in_a_line_with_file_and_key(self, tmp_path, text, told):
        (tmp_path / MANIFEST_FILE).write_text(text)
        with pytest.raises(BadRunDirectory) as raised:
            read_manifest(tmp_path)
        assert str(raised.value).startswith(f"{tmp_path / MANIFEST_FILE}: {told}")
        assert len(str(raised.value).splitlines()) == 1


def test_the_published_schemas_refuse_what_the_models_refuse():
    schemas = published_schemas()
    good = STARTED.model_dump(mode="json", exclude_unset=True)
    for name, value in {"faults": [ROW], "trial": good, "suite": tomllib.loads(SUITE_TEXT)}.items():
        jsonschema.validate(value, schemas[name])
    bad = {"faults": [ROW | {"hit": None}], "trial": good | {"status": "fine"}, "manifest": {"schema": 2}, "suite": {}}
    for name, value in bad.items():
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(value, schemas[name])
