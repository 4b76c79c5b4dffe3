"""Kills runs, and parts of runs, at random moments, and looks whether anything of them is left: `leasebench selftest`.

A run is started as a process of its own, marked by a variable of its environment, which whatever it starts inherits,
and with a directory of its own for temporary files. At a moment drawn from the seed one of its processes is sent a
signal: the harness, an enactor, a server, a proxy, the forkserver, the reaper, and of a run on several hosts an agent
or the Dask worker that started it. If that was not the harness, the run has to end by itself. Within GONE_WITHIN_S of
the end no process with the mark lives, and the directory is empty; what was recorded can be read.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Self

import psutil

from leasebench.bench.hosts.reaper import reaper
from leasebench.bench.hosts.shortpath import FALLBACK
from leasebench.bench.log import FILE_VARIABLE, LEVEL_VARIABLE
from leasebench.bench.starters import write_program
from leasebench.results.reading.integrity import examine
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.names import SUITE_FILE
from leasebench.results.summary.derivation import summarise

MARK = "LEASEBENCH_SELFTEST"
GONE_WITHIN_S, HOSTS_GONE_WITHIN_S = 3.0, 10.0
HOSTS = 3
ENDS_WITHIN_S = 180.0
"""How long a run may take to end by itself after a part of it was killed; it takes a few seconds on a quick machine."""
DURATION_S = 0.8
WITHOUT_FAULTS = "steady"
ON_HOSTS = 0.1
"""The share of the other kills that hit a run on several hosts."""
LOOK_EVERY_S = 0.005
AGENT, WORKER = "agent", "Dask worker"
BY_WORDS = (
    ("reaper.py", "reaper"),
    ("resource_tracker", "resource tracker"),
    ("my_lock.py", "lock program"),
    ("forkserver", "forkserver"),
    ("leasebench agent", AGENT),
    ("spawn_main", WORKER),
)
"""What a process is by a word of its command, where the log does not say it."""
TRACEBACK = "Traceback (most recent call last)"
STARTED = re.compile(r": (?P<what>\S+)(?: \S+)? started: pid (?P<pid>\d+)")
FAULT = re.compile(r": fault \d+ |: a fault (stops|kills) it")
ENDS_IN_ORDER = frozenset({0, 1, 4, 5})
"""Exit codes of a run that lost a part: the trial failed, or nothing was lost by it."""
MOMENTS = ("start", "load", "fault")


@dataclass(frozen=True, slots=True)
class PlannedKill:
    """One kill: of what, by which signal, when, in which run."""

    number: int
    scenario: str
    victim: str
    signal: signal.Signals
    moment: str
    delay_s: float
    hosts: int = 0
    """On how many hosts the run is; 0: on this machine, without agents."""

    @property
    def gone_within_s(self) -> float:
        """Until when nothing of the run may be left."""
        return HOSTS_GONE_WITHIN_S if self.hosts else GONE_WITHIN_S

    def __str__(self) -> str:
        how = f"{self.signal.name} to the {self.victim}, {self.delay_s:.2f} s after the {self.moment}"
        where = f", on {self.hosts} hosts" if self.hosts else ""
        return f"kill {self.number} ({how}, under {self.scenario}{where})"


@dataclass(frozen=True, slots=True)
class Aftermath:
    """What became of a run after a kill. `hit` is what was killed: None where the run had ended before."""

    kill: PlannedKill
    hit: str | None
    gone_after_s: float
    wrong: tuple[str, ...]


def draw(kills: int, seed: int, scenarios: Mapping[str, int]) -> Iterator[PlannedKill]:
    """The kills of a self-test; where Dask is installed also of runs on several hosts.

    Each scenario has the number of hosts that its faults take at least.
    """
    of_hosts = (AGENT, WORKER) if find_spec("distributed") else ()
    for number in range(1, kills + 1):
        rng = Random(f"{seed} {number}")
        victim = rng.choice(
            ("harness", "harness", "enactor", "server", "proxy", "forkserver", "reaper", "any", *of_hosts)
        )
        hosts = HOSTS if victim in of_hosts or (of_hosts and rng.random() < ON_HOSTS) else 0
        others = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP) if victim == "harness" else (signal.SIGTERM,)
        chosen = rng.choice(others) if rng.random() < 0.2 else signal.SIGKILL
        moment = rng.choice(MOMENTS)
        delay_s = rng.random() * (2.0 if moment == "start" else 0.5)
        scenario = rng.choice(list(scenarios))
        hosts = max(hosts, HOSTS if scenarios[scenario] > 1 else 0)
        yield PlannedKill(number, scenario, victim, chosen, moment, delay_s, hosts)


def scenarios_with_faults() -> dict[str, int]:
    """Of the scenarios that come with leasebench, the plainest for each kind of fault that can be had here.

    Each with the number of hosts that it takes: those of several only where Dask is installed.
    """
    from leasebench.bench.scenario import read_scenario, scenario_files

    known = sorted(map(read_scenario, scenario_files()), key=lambda one: (len(one.programs_by_kind()), one.name))
    most_hosts = HOSTS if find_spec("distributed") else 1
    reached: set[str] = set()
    chosen = {WITHOUT_FAULTS: 1}
    for scenario in known:
        takes = max((fault.least_hosts for fault in scenario.parsed_faults), default=1)
        kinds = {fault.name for fault in scenario.parsed_faults if fault.available() is None}
        if takes <= most_hosts and kinds - reached:
            chosen[scenario.name] = takes
            reached |= kinds
    return dict(sorted(chosen.items()))


class MarkedRun:
    """A context: a run that is under way, whose every process and temporary file is known by its mark."""

    def __init__(self, kill: PlannedKill, mark: str) -> None:
        self._mark = mark
        self.place = Path(mkdtemp(prefix="leasebench-", dir=FALLBACK))
        reaper().watch_directory(str(self.place))
        self.temporary = self.place / "t"
        self.temporary.mkdir()
        self._log = self.place / "log"
        self.directory = self.place / "r"
        own = {MARK: mark, "TMPDIR": str(self.temporary), FILE_VARIABLE: str(self._log), LEVEL_VARIABLE: "info"}
        words = ["run", kill.scenario, *self._words(kill), "--out", str(self.directory)]
        with (self.place / "err").open("wb") as complaints:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "leasebench", *words],
                cwd=self.place,
                env={**os.environ, **own},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=complaints,
                start_new_session=True,
                preexec_fn=_as_from_a_terminal,  # noqa: PLW1509  (it takes back what a shell's background job ignores)
            )
        reaper().watch_process(self.process.pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.living():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait(ENDS_WITHIN_S)
        reaper().forget_process(self.process.pid)
        shutil.rmtree(self.place, ignore_errors=True)

    def _words(self, kill: PlannedKill) -> list[str]:
        """Its guards: of the run without faults also a lock in a process of its own."""
        words = ["--trials", "1", "--duration", str(DURATION_S), "--seed", str(kill.number)]
        if kill.hosts:
            words += ["--hosts", f"local:{kill.hosts}"]
        if kill.scenario != WITHOUT_FAULTS:
            return words
        write_program(self.place / "my_lock.py")
        return ["--command", f"{sys.executable} my_lock.py", *words]

    def await_moment(self, kill: PlannedKill) -> None:
        """Wait until the kill is due, or the run has ended."""
        until = time.monotonic() + ENDS_WITHIN_S
        while kill.moment != "start" and self.process.poll() is None and time.monotonic() < until:
            if (
                FAULT.search(self.logged())
                if kill.moment == "fault"
                else any(self.directory.glob("trials/*/*.journal"))
            ):
                break
            time.sleep(LOOK_EVERY_S)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(kill.delay_s)

    def logged(self) -> str:
        """What it has logged until now."""
        return self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""

    def complaints(self) -> str:
        """What it wrote to standard error."""
        return (self.place / "err").read_text(encoding="utf-8", errors="replace")

    def living(self) -> list[psutil.Process]:
        """Every process with its mark that lives; one that waits to be collected has ended."""
        found = []
        for one in psutil.process_iter():
            with suppress(psutil.Error):
                if one.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD) and self._is_ours(one):
                    found.append(one)
        return found

    def _is_ours(self, one: psutil.Process) -> bool:
        """By the mark; a server writes its title over its environment, but has its socket in its words."""
        if one.pid == self.process.pid or str(self.place) in " ".join(_words_of(one)):
            return True
        return bool(one.environ().get(MARK) == self._mark)

    def roles(self) -> dict[psutil.Process, str]:
        """What each of its living processes is."""
        said = {int(found["pid"]): found["what"] for found in STARTED.finditer(self.logged())}
        return {one: self._role(one, said) for one in self.living()}

    def _role(self, one: psutil.Process, said: dict[int, str]) -> str:
        if one.pid == self.process.pid:
            return "harness"
        if one.pid in said:
            return said[one.pid] if said[one.pid] in ("server", "proxy") else "enactor"
        words = " ".join(_words_of(one))
        return next((role for mark, role in BY_WORDS if mark in words), "other process")

    def left(self) -> list[str]:
        """What is there of it, though it has ended."""
        processes = [f"process {one.pid} ({' '.join(_words_of(one))[:120]})" for one in self.living()]
        return [*processes, *(f"{path}" for path in sorted(self.temporary.iterdir()))]


def _as_from_a_terminal() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def _words_of(one: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        found: list[str] = one.cmdline()
        return found
    return []


def perform(kill: PlannedKill, mark: str) -> Aftermath:
    """Start a run, kill, and look what is left."""
    with MarkedRun(kill, mark) as run:
        run.await_moment(kill)
        hit = _strike(run, kill)
        wrong = list(_ending(run, kill, hit))
        began = time.monotonic()
        left = run.left()
        while left and time.monotonic() < began + kill.gone_within_s:
            time.sleep(LOOK_EVERY_S)
            left = run.left()
        gone_after_s = time.monotonic() - began
        wrong += [f"left after {kill.gone_within_s:.0f} s: {one}" for one in left]
        wrong += _unreadable(run.directory)
        return Aftermath(kill, hit, gone_after_s, tuple(wrong))


def _strike(run: MarkedRun, kill: PlannedKill) -> str | None:
    """Send the signal, as soon as there is such a process; returns what was hit.

    A run that has none, such as a proxy, loses another part in its place.
    """
    rng = Random(kill.number)
    until = time.monotonic() + ENDS_WITHIN_S
    while run.process.poll() is None and time.monotonic() < until:
        under_way = any(run.directory.glob("trials/*/*.journal"))
        roles = run.roles()
        parts = {one: role for one, role in roles.items() if role != "harness"}
        fit = [one for one, role in roles.items() if kill.victim in (role, "any")]
        fit = fit or (list(parts) if under_way else [])
        if not fit:
            time.sleep(LOOK_EVERY_S)
            continue
        victim = rng.choice(sorted(fit, key=lambda one: one.pid))
        with suppress(psutil.NoSuchProcess):
            victim.send_signal(kill.signal)
            return roles[victim]
    return None


def _ending(run: MarkedRun, kill: PlannedKill, hit: str | None) -> Iterator[str]:
    """Wait for the end of the run, and say what is wrong with it."""
    try:
        code = run.process.wait(ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        yield f"the run did not end within {ENDS_WITHIN_S:.0f} s"
        run.process.kill()
        run.process.wait()
        return
    if TRACEBACK in run.complaints():
        yield f"a traceback: {run.complaints().strip().splitlines()[-1][:200]}"
    asked = {-kill.signal, 130} if hit == "harness" else set()
    if code not in ENDS_IN_ORDER | asked:
        yield f"exit code {code}"


def _unreadable(directory: Path) -> Iterator[str]:
    """What is wrong with the run directory, as far as there is one."""
    if not (directory / SUITE_FILE).exists():
        return
    yield from examine(directory).damaged
    try:
        summarise(directory)
    except BadRunDirectory as error:
        yield f"unreadable: {error}"


@dataclass
class SelfTest:
    """What a self-test has come to."""

    kills: int = 0
    slowest_s: float = 0.0
    by_victim: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def take_in(self, found: Aftermath) -> None:
        """Count one."""
        self.kills += 1
        name = found.hit or "nothing: the run had ended"
        self.by_victim[name] = self.by_victim.get(name, 0) + 1
        self.slowest_s = max(self.slowest_s, found.gone_after_s)
        self.wrong += [f"{found.kill}: {one}" for one in found.wrong]

    @property
    def order(self) -> list[str]:
        """The kinds of processes that were killed, the most frequent first."""
        return sorted(self.by_victim, key=lambda name: (-self.by_victim[name], name))


def self_test(kills: int, seed: int) -> Iterator[Aftermath]:
    """Perform all kills, one after the other."""
    scenarios = scenarios_with_faults()
    for kill in draw(kills, seed, scenarios):
        yield perform(kill, f"{os.getpid()}-{seed}-{kill.number}")
