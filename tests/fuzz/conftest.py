"""One material for all workers of a test run, and one process that forks the commands for each."""

import fcntl

import pytest
from campaign import Campaign
from material import make_material


@pytest.fixture(scope="session")
def material(tmp_path_factory):
    """A run, forced traces and suites; whoever needs them first makes them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base
    place = shared / "fuzz"
    with (shared / "fuzz.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (place / "made").exists():
            make_material(place)
            (place / "made").touch()
    return place


@pytest.fixture(scope="session")
def campaign(material):
    """Commands on that material; what they come to is counted anew for each test."""
    with Campaign(material) as one:
        yield one
