"""A file of a run directory is read as its model: what older and newer versions write too, and nothing damaged."""

import json

import pytest

from leasebench.bench.rundir import write_json
from leasebench.results.record.faults import FAULTS_FILE, FaultRow, read_faults
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.process import Process

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
