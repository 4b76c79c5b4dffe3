"""Shell completion: options complete by their names, values from files, in a real shell and without what validates."""

import os
import subprocess

import pytest
from commands import COMMAND, suite_text

from leasebench.bench.completion import guards, scenarios, suites
from leasebench.bench.scenario import scenario_files
from leasebench.bench.suite import suite_files
from leasebench.leases.guard import presets


def completed(*words, cwd):
    """What bash offers for the last word."""
    script = f"""
PATH={COMMAND.parent}:$PATH
eval "$(leasebench --show-completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_leasebench_completion leasebench
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    asked = ["bash", "-c", script, "bash", "leasebench", *words]
    ended = subprocess.run(
        asked, cwd=cwd, capture_output=True, text=True, timeout=60, check=True, env=dict(os.environ, HOME=str(cwd))
    )
    assert ended.stderr == ""
    return ended.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("expl",), ["explain", "explore"]),
        (("run", "quic"), ["quick"]),
        (("run", "quick", "--guard", "monotonic_"), ["monotonic_safe_clean"]),
        (("run", "quick", "--scenario", "pause_"), ["pause_before_commit"]),
        (("explore", "optim"), ["optimistic_watch"]),
        (("plot", "earlier", "--chart", "verdict"), ["verdict_heatmap"]),
        (("compare", "ear"), ["earlier"]),
        (("run", "tin"), ["tiny.toml"]),
        (("run", "--password"), ["--password-file"]),
    ],
)
def test_bash_completes(words, offered, tmp_path):
    (tmp_path / "tiny.toml").write_text(suite_text(), encoding="utf-8")
    (tmp_path / "runs" / "earlier").mkdir(parents=True)
    (tmp_path / "runs" / "earlier" / "suite.toml").touch()
    assert completed(*words, cwd=tmp_path) == offered


def test_what_is_offered_is_what_there_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert dict(guards()) == {guard.name: guard.about for guard in presets().values()}
    assert {name for name, _ in scenarios()} == {*scenario_files()}
    assert {name for name, _ in suites()} == {*scenario_files(), *suite_files()}
