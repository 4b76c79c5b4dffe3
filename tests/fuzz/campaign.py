"""A fuzz: damage drawn from a seed, every command that reads it, and what may come of that.

`python tests/fuzz/campaign.py --minutes 60` goes on for an hour and prints what it tried and what it found; each
finding has the seed that gives it again (`--only run:1234`).
"""

import argparse
import json
import re
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from mutations import content_changed, file_damaged, folder_damaged, of_bytes, of_json, of_toml

from leasebench.bench.closing import close_run, close_trial
from leasebench.visible import visible

sys.path.append(str(Path(__file__).parent.parent))  # where it is a command, not part of the tests
from forked import Captured, Commands
from material import make_material

CPU_S = 10.0
"""A command that takes longer hangs. Processor time is what counts: a busy machine makes the other one long."""
MOST_OUTPUT = 1 << 20
MOST_RSS_BYTES = 1_000_000_000
MOST_LINE = 500
MOST_TIMES_A_CHECK = 25.0
"""A command that takes longer than CPU_S hangs; on a slow machine it may take so many times what `check` takes."""
DOCUMENTED = frozenset({0, 1, 2, 3, 4, 5})
SUMS = "SHA256SUMS"
BUG = "a bug, of leasebench or of a plug-in"
READERS: tuple[tuple[str, ...], ...] = (
    ("check", "r"),
    ("check", "r", "--json"),
    ("table", "r"),
    ("table", "r", "--markdown"),
    ("compare", "r"),
    ("compare", "r", "../run"),
    ("compare", "../run", "r"),
    ("compare", "r", "--baseline", "../run", "--format", "md"),
    ("explain", "r"),
    ("explain", "r", "--list"),
    ("explain", "r", "--format", "svg"),
    ("export", "r", "--format", "csv", "--out", "e"),
    ("export", "r", "--format", "hgrm", "--format", "openmetrics", "--format", "edn", "--out", "e"),
    ("plot", "r", "--format", "svg", "--out", "p"),
    ("report", "r", "--out", "r.html"),
    ("run", "--resume", "r"),
    ("run", "r/suite.toml", "--out", "again"),
    ("run", "r", "--out", "anew"),
    ("explore", "--into", "r", "--plans", "2", "--jobs", "1", "--max-states", "200"),
    ("ask", "r"),
    ("doctor", "--bundle", "r", "--out", "b.zip"),
    ("list", "runs"),
)
SLOW = frozenset({"plot", "report", "explore", "run", "doctor"})
"""Seldom drawn: each takes more than a second."""
OF_A_SUITE: tuple[tuple[str, ...], ...] = (
    ("run", "x.toml", "--out", "r"),
    ("run", "x.toml", "--trials", "1", "--duration", "0.1", "--out", "r"),
    ("run", "x.toml", "--enactors", "2", "--ttl", "100ms", "--out", "r"),
    ("run", "x.toml", "--sweep", "ttl_ms=50,100", "--out", "r"),
    ("explore", "x.toml", "--plans", "2", "--jobs", "1", "--max-states", "200"),
)
OF_A_TRACE: tuple[tuple[str, ...], ...] = (
    ("explore", "--replay", "x.json"),
    ("run", "--schedule", "x.json", "--out", "r"),
)


@dataclass
class Found:
    """What a campaign came to: what was tried and, by its case, what is wrong with the answer to it."""

    tried: Counter = field(default_factory=Counter)
    codes: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    slowest_s: float = 0.0
    largest_bytes: int = 0

    def take_in(self, case: str, ended: Captured, *more: str) -> None:
        self.tried[ended.args[0]] += 1
        self.codes[ended.code] += 1
        self.slowest_s = max(self.slowest_s, ended.cpu_s)
        self.largest_bytes = max(self.largest_bytes, ended.rss_bytes)
        said = [*wrong_with(ended), *more]
        self.wrong += [f"{case}: leasebench {' '.join(ended.args)}: {one}" for one in said]


def wrong_with(ended: Captured) -> Iterator[str]:
    """What no command may do, whatever it was given."""
    last = ended.err.strip().splitlines()[-1:] or [""]
    if ended.hung:
        yield f"it hangs: {ended.cpu_s} s of a processor, {ended.wall_s} s in all"
    elif ended.code not in DOCUMENTED:
        yield f"exit code {ended.code}: {last[0]!r}"
    if "Traceback" in ended.err or "Traceback" in ended.out:
        yield f"a traceback: {last[0]!r}"
    if BUG in ended.err:
        yield f"a bug: {last[0]!r}"
    if ended.rss_bytes > MOST_RSS_BYTES:
        yield f"{ended.rss_bytes:,} bytes of memory"
    if ended.code == 2 and not ended.err.strip():
        yield "exit code 2 without a word"
    for line in ended.err.splitlines():
        if len(line) > MOST_LINE:
            yield f"a line of {len(line)} characters: {line[:100]!r}"
    for text in (ended.err, ended.out):
        if visible(text) != text:
            yield f"control characters: {re.findall(r'.{0,20}', visible(text))[0]!r}"


class Campaign:
    """A context: material, the commands, and a directory for what is damaged."""

    def __init__(self, material: Path) -> None:
        self.material = material
        self.found = Found()

    def __enter__(self):
        self._commands = Commands(cpu_s=CPU_S, trials=False).__enter__()
        sound = self._run("check", "run", cwd=self.material)
        self._commands.cpu_s = max(CPU_S, sound.cpu_s * MOST_TIMES_A_CHECK)
        return self

    def __exit__(self, *_):
        self._commands.__exit__(None, None, None)

    def runs(self, seed: int, commands: int = 2) -> None:
        """A damaged run directory, through `check` and some of the other commands."""
        rng = Random(f"run {seed}")
        with tempfile.TemporaryDirectory(dir=self.material, prefix="c") as place:
            here = Path(place)
            run = Path(shutil.copytree(self.material / rng.choice(("run", "run", "run", "forced")), here / "r"))
            how, sums = damaged_run(run, rng)
            case = f"run:{seed} ({how}, sums {sums})"
            readers = [READERS[rng.randrange(2)], *self._drawn(rng, READERS[2:], commands)]
            for words in readers:
                ended = self._run(*words, cwd=here)
                silent = silently_other(ended, run, sums)
                self.found.take_in(case, ended, *silent)
            for path in run.rglob("*"):  # so that it can be removed
                if not path.is_symlink() and path.is_file() and not path.stat().st_mode & 0o600:
                    path.chmod(0o600)

    def suites(self, seed: int, commands: int = 1) -> None:
        """A suite with other values, or that is none."""
        rng = Random(f"suite {seed}")
        source = rng.choice(sorted((self.material / "suites").iterdir()))
        text = source.read_bytes()
        changed = of_toml(text, rng) if rng.random() < 0.9 else of_bytes(text, rng)
        self._file(f"suite:{seed} ({source.name})", "x.toml", changed, self._drawn(rng, OF_A_SUITE, commands))

    def traces(self, seed: int) -> None:
        """A trace with other values, or that is none."""
        rng = Random(f"trace {seed}")
        source = rng.choice(sorted((self.material / "traces").iterdir()))
        text = source.read_bytes()
        changed = of_json(text, rng) if rng.random() < 0.9 else of_bytes(text, rng)
        self._file(f"trace:{seed}", "x.json", changed, OF_A_TRACE)

    def _file(self, case: str, name: str, content: bytes, commands) -> None:
        with tempfile.TemporaryDirectory(dir=self.material, prefix="c") as place:
            here = Path(place)
            (here / name).write_bytes(content)
            for words in commands:
                self.found.take_in(case, self._run(*words, cwd=here))
                shutil.rmtree(here / "r", ignore_errors=True)

    def _run(self, *words: str, cwd: Path) -> Captured:
        return self._commands(*words, cwd=cwd, env={"COLUMNS": "200"}, most=MOST_OUTPUT)

    @staticmethod
    def _drawn(rng, commands, most: int):
        weights = [0.15 if words[0] in SLOW else 1.0 for words in commands]
        return rng.choices(commands, weights, k=most)


def damaged_run(run: Path, rng) -> tuple[str, str]:
    """Damage one to three files of a run, or its folders; its checksums are kept, removed, or made anew."""
    sums = rng.choice(("kept", "removed", "removed", "anew"))
    if rng.random() < 0.08:
        how = folder_damaged(run, rng)
    else:
        files = sorted(path for path in run.rglob("*") if path.is_file() and not path.name.endswith(".schema.json"))
        if sums != "kept":
            files = [path for path in files if path.name != SUMS]
        told = []
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            path = rng.choice(files)
            if path.is_file() and not path.is_symlink():
                damage = file_damaged if rng.random() < 0.9 else content_changed
                before = path.read_bytes() if path.stat().st_size < 10**7 else b""
                how = damage(path, rng)
                if (
                    not path.is_file()
                    or path.stat().st_size > 10**7
                    or path.read_bytes() != before
                    or how == "no permission"
                ):
                    told.append(f"{path.relative_to(run)}: {how}")
        how = "; ".join(told) or "nothing"
    if sums != "kept":
        for path in run.rglob(SUMS):
            if path.is_file() or path.is_symlink():
                path.unlink()
    if sums == "anew":
        try:
            for folder in sorted(run.glob("trials/*")):
                if folder.is_dir() and not any(huge(path) for path in folder.iterdir()):
                    close_trial(folder)
            if not any(huge(path) for path in run.iterdir()):
                close_run(run)
        except OSError:
            sums = "partly anew"
    return how, sums


def huge(path: Path) -> bool:
    """Whether it takes long to add up."""
    return path.is_file() and path.stat().st_size > 10**8


def silently_other(ended: Captured, run: Path, sums: str) -> Iterator[str]:
    """Whether an answer came as if nothing were wrong, though it is not that of the run that was recorded."""
    if ended.code not in (0, 1, 3, 4) or ended.args[0] != "check":
        return
    if "--json" in ended.args and ended.code != 4:
        try:
            written = json.loads((run / "summary.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            return  # what was derived is all that there is; it says so
        if json.loads(ended.out) != written:
            yield "exit code 0, and another summary than summary.json"


def go_on(material: Path, minutes: float, seed: int, kinds: list[str], say: Callable[[str], None]) -> Found:
    """Fuzz for so long, one case of each kind after the other."""
    until = time.monotonic() + minutes * 60
    with Campaign(material) as campaign:
        number, told = seed, 0
        while time.monotonic() < until:
            for kind in kinds:
                getattr(campaign, kind)(number)
            for line in campaign.found.wrong[told:]:
                say(line)
            told = len(campaign.found.wrong)
            number += 1
        return campaign.found


def main() -> None:
    """Fuzz as the command's words say; exit code 1 where something was found."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--minutes", type=float, default=60.0)
    words.add_argument("--seed", type=int, default=0, help="the number of the first case")
    words.add_argument("--count", type=int, help="so many cases of each kind, in place of --minutes")
    words.add_argument("--kind", action="append", choices=("runs", "suites", "traces"))
    words.add_argument("--only", help="one case again: run:1234, suite:12, trace:7")
    words.add_argument("--material", type=Path, help="made already (for a second campaign)")
    asked = words.parse_args()
    kinds = asked.kind or ["runs", "suites", "traces"]
    with tempfile.TemporaryDirectory(prefix="leasebench-fuzz-") as place:
        material = asked.material or make_material(Path(place) / "m")
        if asked.only or asked.count:
            with Campaign(material) as campaign:
                found = campaign.found
                told = 0
                if asked.only:
                    kind, _, number = asked.only.partition(":")
                    getattr(campaign, f"{kind}s")(int(number))
                for number in range(asked.seed, asked.seed + (asked.count or 0)):
                    for kind in kinds:
                        getattr(campaign, kind)(number)
                    for line in found.wrong[told:]:
                        print(line, flush=True)
                    told = len(found.wrong)
                for line in found.wrong[told:]:
                    print(line, flush=True)
        else:
            found = go_on(material, asked.minutes, asked.seed, kinds, lambda line: print(line, flush=True))
    tried = ", ".join(f"{count} {name}" for name, count in sorted(found.tried.items()))
    codes = ", ".join(f"{count} x {code}" for code, count in sorted(found.codes.items()))
    print(f"tried: {tried}\nexit codes: {codes}")
    print(f"slowest {found.slowest_s} s of a processor, largest {found.largest_bytes / 1e6:.0f} MB")
    print(f"wrong: {len(found.wrong)}")
    sys.exit(bool(found.wrong))


if __name__ == "__main__":
    main()
