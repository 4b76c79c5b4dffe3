"""JUnit XML, read by a reader of it that others use: what passes, what fails, what is open."""

from xml.etree import ElementTree as ET

import pytest
from cells import cell, row, summary
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped

from leasebench.results.export.junit import CaseStatus, JunitCase, as_junit, cases_of


def read(text):
    """The cases by their names, each with the types of its results."""
    found = JUnitXml.fromstring(text.encode())
    for counted in (found, *found):
        every = [each for one in (counted if counted is found else [counted]) for each in one]
        results = [type(result) for each in every for result in each.result]
        assert (counted.tests, counted.failures) == (len(every), results.count(Failure))
        assert counted.errors == results.count(Error)
        if counted is not found:  # the schema of Jenkins has no place for it above
            assert counted.skipped == results.count(Skipped)
    return {each.name: each for one in found for each in one}


def of_run(*cells, **more):
    return read(as_junit("tiny", [*cases_of(summary(*cells, **more))]))


@pytest.mark.parametrize(
    ("figures", "kinds"),
    [
        ({}, []),
        ({"verdict": "stale", "expected": ["stale"]}, []),
        ({"verdict": "stale", "as_expected": False}, [Failure]),
        ({"verdict": "unproven", "as_expected": False, "races_missing": 7}, [Skipped]),
        ({"verdict": "failed", "as_expected": False, "failures": ["trial 1: no server"]}, [Error]),
    ],
)
def test_a_verdict_becomes_what_a_ci_system_knows(figures, kinds):
    (case,) = of_run(cell("redis_lock", **figures), trials=[row(1, load_s=1.5)]).values()
    assert [type(one) for one in case.result] == kinds
    assert (case.name, case.classname, case.time) == ("redis_lock", "tiny.steady", 1.5)


def test_why_it_failed_stands_in_its_message():
    cases = of_run(
        cell("a", verdict="stale", as_expected=False),
        cell("b", verdict="failed", as_expected=False, failures=["trial 2: no server"]),
        cell("c", verdict="unproven", as_expected=False, races_missing=7),
    )
    (leaks,), (failed,), (open_,) = (cases[name].result for name in "abc")
    assert leaks.message == "stale, expected clean"
    assert failed.message == "trial 2: no server"
    assert "7 raced applications" in open_.message


def test_what_was_skipped_and_controls_are_cases_too():
    skipped = [{"guard": "owner_inside", "scenario": "lease_flush", "reason": "two servers"}]
    control = {"control": "bad", "twin": "good", "scenario": "steady", "metric": "dangling"}
    told = {"seen": 0, "twin_seen": 0, "first_s": None, "caught": False}
    cases = of_run(cell(), skipped=skipped, controls=[control | told])
    assert [type(one) for one in cases["owner_inside"].result] == [Skipped]
    (missed,) = [case for name, case in cases.items() if name.startswith("bad is caught")]
    assert [type(one) for one in missed.result] == [Failure]


@given(st.text(), st.text(), st.sampled_from(CaseStatus))
def test_any_text_gives_xml_that_can_be_read(name, text, status):
    root = ET.fromstring(as_junit(name, [JunitCase(text, name, status, text, text, text)]))
    assert [one.tag for one in root.iter()][:3] == ["testsuites", "testsuite", "testcase"]
