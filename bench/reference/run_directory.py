"""The page of the files of a run directory."""

from collections.abc import Iterable

from leasebench.bench.reference import ReferencePage
from leasebench.bench.reference.docstrings import of_constants
from leasebench.bench.reference.markdown import code, page, prose, table
from leasebench.bench.suite_schema import Schema
from leasebench.results.record import names
from leasebench.results.record.schemas import published_schemas
from leasebench.results.record.summary import json_schema

SUFFIX = "_FILE"


def write() -> str:
    """Every file, and what stands in those that a schema describes."""
    told = of_constants(names)
    files = {name: value for name, value in vars(names).items() if name.endswith(SUFFIX)}
    return page(
        "A run leaves a directory, `runs/<suite>-<UTC time>/` unless `--out` names another. It is only ever appended "
        "to, and can be read after a crash. A JSON Schema of each file that has one lies beside them "
        "(`summary.schema.json`, `trial.schema.json` and so on). There is no pickle anywhere.",
        table(("file", "what it holds"), ((code(value), told.get(name, "")) for name, value in files.items())),
        *(
            _section(_file(name, files.values()), schema)
            for name, schema in {**published_schemas(), "summary": json_schema()}.items()
        ),
    )


def _file(name: str, files: Iterable[str]) -> str:
    """The file that a schema is of."""
    return next((file for file in files if file.partition(".")[0] == name), name)


def _section(title: str, schema: Schema) -> str:
    inside = {name: body for name, body in schema.get("$defs", {}).items() if body.get("properties")}
    return page(
        f"## {title}",
        _said(schema),
        _table(schema),
        *(page(f"### {title}: {name}", _said(body), _table(body)) for name, body in inside.items()),
    )


def _said(body: Schema) -> str:
    return prose(body.get("description", ""))


def _table(body: Schema) -> str:
    rows = [(code(name), _kind(one), one.get("description", "")) for name, one in body.get("properties", {}).items()]
    return table(("key", "type", "meaning"), rows)


def _kind(one: Schema) -> str:
    if "$ref" in one:
        return str(one["$ref"]).rpartition("/")[2]
    if "anyOf" in one:
        return " or ".join(_kind(each) for each in one["anyOf"])
    if one.get("type") == "array":
        return f"list of {_kind(one.get('items', {}))}"
    kind = one.get("type", "any")
    named = " or ".join(kind) if isinstance(kind, list) else kind
    return f"{named} ({one['format']})" if "format" in one else str(named)


PLUGIN = ReferencePage("run-directory", "The run directory", "every file that a run leaves, and its columns", write)
