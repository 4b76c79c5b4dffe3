"""A guard that is given for a lease manager, and the other way round: it is told which is which, and what to type."""

import pytest

from leasebench.definitions import DefinitionError
from leasebench.leases.guard import guard_named, presets
from leasebench.leases.preset_names import manager_named, preset_managers


def test_a_lease_manager_for_a_guard_names_the_guard_and_its_command():
    with pytest.raises(DefinitionError, match=r"'redis_py'.*lease manager.*: leasebench run --guard redis_py_lock$"):
        guard_named("redis_py", presets())


def test_a_guard_for_a_lease_manager_names_the_manager_or_that_it_has_none():
    with pytest.raises(DefinitionError, match=r"guard.* redis_py .*verify-manager redis_py\b.*--guard redis_py_lock$"):
        manager_named("redis_py_lock")
    with pytest.raises(DefinitionError, match=r"guard without a lease: leasebench run --guard monotonic$"):
        manager_named("monotonic")


def test_any_other_name_is_answered_with_the_nearest():
    with pytest.raises(DefinitionError, match="did you mean redis_py_lock"):
        guard_named("redis_py_lok", presets())
    assert manager_named("redis_py").name == preset_managers()["redis_py_lock"] == "redis_py"
