"""The page of the line protocol: what a lock in another language reads and writes."""

import json

from pydantic import BaseModel

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.markdown import block, code, page, prose, table
from leasebench.leases.foreign import protocol


def write() -> str:
    """Every line, and the JSON Schema of all."""
    parts = [_line(model) for model in (*protocol.REQUESTS, *protocol.ANSWERS)]
    schema = block("json", json.dumps(protocol.protocol_schema(), indent=1))
    how = "A lock in another language is raced with it: [how](../howto/other-languages.md)."
    return page(prose(protocol.__doc__ or ""), how, *parts, "## JSON Schema", schema)


def _line(model: type[BaseModel]) -> str:
    rows = [
        (
            code(name),
            _type_of(field.annotation),
            "required" if field.is_required() else code(json.dumps(field.default)),
            field.description or "",
        )
        for name, field in model.model_fields.items()
    ]
    return page(f"## {model.__name__}", prose(model.__doc__ or ""), table(("key", "type", "default", "meaning"), rows))


def _type_of(annotation: object) -> str:
    told = str(annotation).replace("typing.Literal", "").replace("<class '", "").replace("'>", "")
    return code(told.replace(" | None", " or null"))


PLUGIN = ReferencePage("line-protocol", "Line protocol", "what a lock in another language reads and writes", write)
