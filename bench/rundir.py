"""Where a run directory lies, and how its JSON files are written."""

import json
import time
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python


def default_directory(suite: str) -> Path:
    """`runs/<suite>-<UTC time>`, with a number behind it if that is taken."""
    base = Path("runs") / f"{suite}-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
    if not base.exists():
        return base
    return next(path for n in range(2, 1000) if not (path := base.with_name(f"{base.name}-{n}")).exists())


def write_json(path: Path, value: Any) -> None:
    """Write a model, or what JSON knows, in one step: a reader sees the old file or the new one."""
    part = path.with_suffix(".part")
    try:
        part.write_text(json.dumps(to_jsonable_python(value, by_alias=True), indent=1) + "\n", encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
