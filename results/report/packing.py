"""Values packed into a page: JSON, gzipped, in base64; the page unpacks one when it is first looked at."""

import gzip
import json
from base64 import b64encode
from dataclasses import fields
from typing import Any

LEVEL = 9


def packed(value: Any) -> str:
    """Pack a JSON value, in which dataclasses may stand for objects.

    What is alike should stand close together: gzip looks back 32 kB.
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False, default=_object)
    return b64encode(gzip.compress(text.encode(), LEVEL, mtime=0)).decode("ascii")


def _object(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}


def in_script(value: Any) -> str:
    """A JSON value that can stand inside a script element: no text in it can end the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
