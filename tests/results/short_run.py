"""A real run, as short as can be: what reads run directories has to read those that the harness writes."""

import subprocess
import sys

GUARDS = ("redis_lock", "monotonic")


def make_short_run(out):
    """Run two guards under `steady`, one trial each, into the directory `out`, and return it."""
    guards = [word for guard in GUARDS for word in ("--guard", guard)]
    ended = subprocess.run(
        [sys.executable, "-m", "leasebench", "run", "steady", *guards, "--trials", "1", "--duration", "0.4",
         "--seed", "1", "--out", str(out)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert ended.returncode in (0, 1, 4), ended.stderr
    return out
