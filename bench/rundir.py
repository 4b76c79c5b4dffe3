"""Where a run directory lies, and how its JSON files are written."""

import json
import time
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def default_directory(suite: str) -> Path:
    """`runs/<suite>-<UTC time>`, with a number behind it if that is taken."""
    base = Path("runs") / f"{suite}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if not base.exists():
        return base
    return next(path for n in range(2, 1000) if not (path := base.with_name(f"{base.name}-{n}")).exists())


def write_json(path: Path, value: Any) -> None:
    """Write models, or what JSON knows, in one step: a reader sees the old file or the new one.

    What was never said of a model is not written: its default is not a finding.
    """
    content = ANYTHING.dump_python(value, mode="json", by_alias=True, exclude_unset=True)
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
