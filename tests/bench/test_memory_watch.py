"""The memory of real processes is watched: one that leaks is told, one that maps a growing file is not."""

import subprocess
import sys
import time

import pytest

from leasebench.bench.health import pulse
from leasebench.bench.health.memory import MOST_LOOKS, MemoryLog
from leasebench.bench.health.system import ON_LINUX, ProcessLook
from leasebench.bench.health.watch import HealthWatch
from leasebench.results.evidence import memory_growth
from leasebench.results.evidence.memory_growth import Trend, growths
from leasebench.results.record.health import MachineLoad

LEAKS = "import time\nkept = []\nwhile True: kept.append(bytearray(400_000)); time.sleep(0.01)"
MAPS = (
    "import mmap, time\n"
    "file = open('journal', 'w+b')\n"
    "maps = []\n"
    "while True:\n"
    "    at = file.seek(0, 2); file.write(bytes(1 << 18)); file.flush()\n"
    "    maps.append(mmap.mmap(file.fileno(), 1 << 18, offset=at)); maps[-1][::4096]; time.sleep(0.02)"
)
WATCHED_S = 4.0


@pytest.mark.skipif(not ON_LINUX, reason="only Linux tells what of a process's memory is its own")
def test_a_process_that_leaks_is_told_and_one_that_writes_a_journal_is_not(tmp_path, monkeypatch):
    monkeypatch.setattr(pulse, "BEATS_PER_LOOK", 2)
    monkeypatch.setattr(memory_growth, "SHORTEST_S", 1.0)
    names = {"server": LEAKS, "c0.enactor-0": MAPS}
    processes = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) for code in names.values()]
    try:
        time.sleep(0.5)
        living = dict(zip((one.pid for one in processes), names, strict=True))
        with HealthWatch(lambda: living, {0}, MachineLoad()) as health:
            time.sleep(WATCHED_S)
    finally:
        for one in processes:
            one.kill()
            one.wait()
    found = {one.group: one for one in growths(health.health, time.perf_counter_ns(), 1)}
    assert found["servers"].trend is Trend.GROWS, found
    assert found["programs"].trend is not Trend.GROWS, found
    assert (tmp_path / "journal").stat().st_size > 1 << 20


def test_of_a_long_trial_memory_is_kept_more_seldom():
    log = MemoryLog()
    for number in range(10 * MOST_LOOKS):
        log.note(
            number, [("harness", ProcessLook(0.0, None, None, 1, 1)), ("server", ProcessLook(0.0, None, None, 1, 2))]
        )
    assert MOST_LOOKS / 2 <= len(log.looks) <= MOST_LOOKS
    gaps = {later.at_ns - one.at_ns for one, later in zip(log.looks, log.looks[1:], strict=False)}
    assert len(gaps) == 1
    assert (log.looks[-1].harness, log.looks[-1].servers, log.looks[-1].programs) == (1, 2, 0)
