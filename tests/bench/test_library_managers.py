"""Locks of libraries in a run: on real processes, and where they can't be used."""

import json

from commands import leasebench


def test_a_lock_of_whole_seconds_is_raced_by_its_name_alone(tmp_path):
    run = ["run", "steady", "--manager", "python_redis_lock", "--guard", "python_redis_lock", "--duration", "1"]
    ended = leasebench(*run, "--seed", "1", "--out", "r", cwd=tmp_path)
    assert ended.returncode in (0, 4), ended.stdout + ended.stderr
    (cell,) = json.loads((tmp_path / "r" / "summary.json").read_text())["cells"]
    assert cell["commits"] > 0
    assert cell["verdict"] in ("clean", "unproven")
    versions = json.loads((tmp_path / "r" / "manifest.json").read_text())["versions"]
    assert versions["python-redis-lock"].startswith("4.")


def test_a_library_that_writes_outside_our_prefix_is_refused_on_another_s_server(server_url, tmp_path):
    run = ["run", "steady", "--manager", "python_redis_lock", "--guard", "python_redis_lock", "--server", server_url]
    ended = leasebench(*run, "--out", "r", cwd=tmp_path)
    assert ended.returncode == 2
    assert "outside leasebench's prefix" in ended.stderr
    assert not (tmp_path / "r").exists()


def test_a_time_to_live_that_a_library_can_t_give_is_told_before_the_run(tmp_path):
    (tmp_path / "s.toml").write_text(
        'guards = ["g"]\nscenarios = ["steady"]\n[guard.g]\nabout = "a"\ndecide = { check = "inside" }\n'
        'exclude = { manager = "sherlock_redis", ttl_ms = 1500 }\ncommit = "unconditional"\n'
    )
    ended = leasebench("run", "s.toml", "--out", "r", cwd=tmp_path)
    assert ended.returncode == 2
    assert "multiples of 1000 ms, and not for 1500 ms" in ended.stderr


def test_a_library_that_is_not_installed_is_told_with_the_line_that_installs_it(tmp_path):
    """The environment of this test has them all: a finder that hides one stands for one that lacks it."""
    (tmp_path / "sitecustomize.py").write_text(
        "from importlib import metadata\n"
        "found = metadata.Distribution.from_name\n"
        "def hidden(name):\n"
        "    if name == 'fencekit':\n"
        "        raise metadata.PackageNotFoundError(name)\n"
        "    return found(name)\n"
        "metadata.Distribution.from_name = staticmethod(hidden)\n"
    )
    run = ["run", "steady", "--manager", "fencekit", "--guard", "fencekit", "--out", "r"]
    ended = leasebench(*run, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert ended.returncode == 2
    assert "pip install 'leasebench[locks]'" in ended.stderr
    listed = leasebench("list", "managers", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    (line,) = [line for line in listed.stdout.splitlines() if line.startswith("fencekit")]
    assert "leasebench[locks]" in line


def test_a_lock_without_a_time_to_live_stays_with_a_killed_owner_and_the_trial_ends_all_the_same(tmp_path):
    run = ["run", "crash_holder", "--manager", "celery_singleton", "--guard", "celery_singleton", "--duration", "1"]
    ended = leasebench(*run, "--seed", "1", "--out", "r", cwd=tmp_path)
    (cell,) = json.loads((tmp_path / "r" / "summary.json").read_text())["cells"]
    assert cell["verdict"] in ("stuck", "stale", "dangling"), ended.stdout + ended.stderr
    assert cell["stuck"] == 1
