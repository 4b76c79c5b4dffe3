"""What CONTRIBUTING.md shows works: the fault hits, the lock excludes nobody for long, the metric is in the summary."""

from pages import ROOT, blocks
from third_party import Package, read

PAGE = ROOT / "CONTRIBUTING.md"
GROUPS = {"flicker.py": "faults", "set_lock.py": "managers", "busiest.py": "checks"}
SUITE = """
guards = ["theirs"]
scenarios = ["flickers"]
duration_s = 1.0
min_races = 1
settle_s = 0.5
[guard.theirs]
about = "their lock"
decide = { check = "inside" }
exclude = { manager = "set_lock" }
commit = "unconditional"
expect = { default = ["stale", "clean", "unproven"] }
[scenario.flickers]
about = "processes flicker"
[[scenario.flickers.faults]]
kind = "flicker"
enactors = [0, 1]
"""


def test_the_fault_the_lock_and_the_metric_of_the_page_work_as_they_stand(tmp_path):
    package = Package(tmp_path / "package")
    shown = {block.file: block.text for block in blocks(PAGE) if block.file}
    assert set(shown) == set(GROUPS)
    for file, text in shown.items():
        package.add(file.removesuffix(".py"), text, **{GROUPS[file]: "PLUGIN"})
    (tmp_path / "tiny.toml").write_text(SUITE)
    ended = package.run("run", "tiny.toml", "--seed", 1, "--out", "r", cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    (cell,) = read(tmp_path / "r" / "summary.json")["cells"]
    assert cell["busiest_commits"] > 0
    assert cell["faults"]["flicker"]["struck"] > 0
    assert cell["failures"] == []


def test_the_files_that_the_page_names_exist():
    words = [
        word for block in (PAGE.read_text(),) for word in block.split("`")[1::2] if "/" in word and " " not in word
    ]
    assert len(words) > 8
    assert [word for word in words if not (ROOT / word).exists()] == []
