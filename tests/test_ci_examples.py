"""The examples for CI systems: YAML as these read it, and the commands in it work, with fewer and shorter trials."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import yaml

CI = Path(__file__).parent.parent / "examples" / "ci"
BIN = Path(sys.executable).parent


def github(text):
    steps = yaml.safe_load(text)["jobs"]["leasebench"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    return [step["run"] for step in steps if "run" in step]


def gitlab(text):
    job = yaml.safe_load(text)["locks"]
    assert {*job["artifacts"]["reports"]["junit"]} == {"junit.xml", "gates.xml"}
    return [*job["script"], *job["after_script"]]


def lines_of(file, scripts):
    return [line for line in scripts((CI / file).read_text()) if line.startswith("leasebench")]


def shell(line, place):
    env = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(place / "page.md")}
    short = line.replace("--trials 5", "--trials 2 --duration 0.3")
    ended = subprocess.run(
        ["sh", "-c", short], cwd=place, env=env, capture_output=True, text=True, timeout=120, check=False
    )
    # too few races, or an interval that is too wide: such short trials prove little
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr


def cases(file):
    return [one.get("name") for one in ET.parse(file).iter("testcase")]


def test_the_commands_of_both_examples_work(tmp_path):
    """The race of the one is that of the other, so that it is run once."""
    race, gate, report = lines_of("github-actions.yml", github)
    their_race, their_gate, their_report = lines_of("gitlab-ci.yml", gitlab)
    assert race == f'{their_race} --markdown "$GITHUB_STEP_SUMMARY"'
    assert report == their_report
    for line in (race, gate, their_gate, report):
        shell(line, tmp_path)
    assert {*cases(tmp_path / "junit.xml")} == {"monotonic", "redis_lock"}
    assert cases(tmp_path / "gates.xml")[0] == "leak_rate(monotonic) > 0"
    page = (tmp_path / "page.md").read_text()
    assert "| redis_lock |" in page
    assert "### gates" in page
    assert (tmp_path / "race" / "report.html").exists()
