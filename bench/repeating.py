"""What makes a run repeatable: its suite, every name resolved, as `suite.toml` holds it, and its seed."""

from pathlib import Path

import tomli_w
from pydantic import BaseModel

from leasebench.mistakes import DefinitionError
from leasebench.results.record.file import BadRunDirectory
from leasebench.results.record.manifest import read_manifest
from leasebench.results.record.names import SUITE_FILE
from leasebench.results.record.suite import SuiteRecord


def resolved_text(suite: BaseModel) -> str:
    """What `suite.toml` holds of a suite."""
    record = SuiteRecord.model_validate(suite.model_dump(mode="json", exclude_none=True))
    return tomli_w.dumps(record.model_dump(mode="json", exclude_unset=True))


def seed_of(run: Path) -> int:
    """The seed of a run: the same suite with it is the same plan, trial by trial. Raises DefinitionError without."""
    otherwise = f"leasebench run {run / SUITE_FILE} takes a new seed"
    try:
        seed = read_manifest(run).seed
    except BadRunDirectory as error:
        raise DefinitionError(f"{error}: {otherwise}") from error
    if seed is None:
        raise DefinitionError(f"{run}: its seed was not recorded: {otherwise}")
    return seed
