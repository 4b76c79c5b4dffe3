"""The JSON Schema of a suite file, by which editors complete its keys and mark what is wrong: `leasebench init`.

It is written from the code, with the plug-ins that are installed. It knows the keys, types, bounds and words of every
table; what depends on several of them (a commit rule that needs a lease) only a run tells. Draft 7, which Taplo (Even
Better TOML) and other editors know.
"""

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import BaseModel, BeforeValidator, create_model

from leasebench.bench.faults.fault import Fault
from leasebench.bench.reference.docstrings import of_fields
from leasebench.bench.reference.settings import tables_inside
from leasebench.bench.scenario import LOAD_KINDS, Scenario, scenario_files
from leasebench.bench.suite import LIKE, SuiteFile
from leasebench.bench.variation import VARY
from leasebench.definitions import Definition
from leasebench.leases.guard import Guard, presets
from leasebench.names import NAME_PATTERN
from leasebench.registry import plugins

DRAFT = "http://json-schema.org/draft-07/schema#"
SCENARIO = "Scenario"
MADE = frozenset({"name", "family", "varied"})
"""What leasebench fills in: a table is named by its header, one of a grid by its values."""
Schema = dict[str, Any]


def suite_schema() -> Schema:
    """The schema of a suite file; that of one scenario is among its `$defs`."""
    defs: Schema = {}
    suite = _of(SuiteFile, defs)
    suite["properties"] |= {
        "guards": _all_or(_names(presets()), suite["properties"]["guards"]),
        "scenarios": _all_or(_names(scenario_files()), suite["properties"]["scenarios"]),
        "guard": _by_name(_guard(defs), "Guards of your own, by name."),
        "scenario": _by_name({"$ref": f"#/$defs/{SCENARIO}"}, "Scenarios of your own, by name."),
    }
    defs[SCENARIO] = _scenario(defs)
    head = {"$schema": DRAFT, "title": "A suite of leasebench"}
    return head | suite | {"$defs": defs}


def _guard(defs: Schema) -> Schema:
    found = _of(Guard, defs, without=MADE)
    found["properties"]["commit"] |= {"enum": sorted(plugins("leases.commit_rules"))}
    # Its own class is named by its place.
    manager = {"anyOf": [{"enum": sorted(plugins("leases.managers"))}, {"pattern": ":"}]}
    defs["Exclude"]["properties"]["manager"] |= manager
    return found


def _scenario(defs: Schema) -> Schema:
    """A scenario in a suite: it may be `like` one of ours, and a grid. One that is, says `about` in that."""
    found = _of(Scenario, defs, without=MADE | {"faults", "programs"})
    found.pop("required", None)
    found["anyOf"] = [{"required": ["about"]}, {"required": [LIKE]}]
    told = of_fields(Scenario)
    values = {"anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}]}
    found["properties"] |= {
        LIKE: {"enum": sorted(scenario_files()), "description": "one of ours, over which this one is laid"},
        VARY: {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": values,
            "description": "a grid: a scenario for each combination of values; keys are dotted and quoted",
        },
        "faults": {
            "type": "array",
            "items": {"oneOf": [_fault(name, kind, defs) for name, kind in plugins("bench.faults").items()]},
            "description": told["faults"],
        },
        "programs": {
            "type": "object",
            "properties": {
                name: _of(kind.settings, defs) | {"required": []}
                for name, kind in plugins("enactors").items()
                if name not in LOAD_KINDS
            },
            "additionalProperties": False,
            "description": told["programs"],
        },
    }
    return found


def _fault(name: str, kind: type[Fault], defs: Schema) -> Schema:
    found = _of(kind, defs)
    found["properties"] = {"kind": {"const": name, "description": kind.about}, **found["properties"]}
    return found | {"required": ["kind", *found.get("required", [])]}


def _of(model: type[BaseModel], defs: Schema, *, without: Collection[str] = ()) -> Schema:
    """The schema of a model without some of its fields; the tables inside it are added to `defs`."""
    kept: Mapping[str, Any] = {
        name: (field.annotation, field) for name, field in model.model_fields.items() if name not in without
    }
    make: Any = create_model
    found: Schema = make(model.__name__, __base__=Definition, **kept).model_json_schema(mode="validation")
    for name, field in kept.items():
        if any(isinstance(one, BeforeValidator) for one in field[1].metadata):
            # A table that also has a word for it, as a policy by its name.
            found["properties"][name] = {"anyOf": [{"type": "string"}, found["properties"][name]]}
    inside = found.pop("$defs", {})
    tables = {table.__name__: table for table in tables_inside(model)}
    for name, table in inside.items():
        defs[name] = _described(table, tables[name]) if name in tables else table
    return _described(found, model)


def _described(schema: Schema, model: type[BaseModel]) -> Schema:
    """A table's schema with what stands below the fields of its model."""
    told = of_fields(model)
    about = {"description": model.__doc__.splitlines()[0]} if model.__doc__ else {}
    for name, one in schema.get("properties", {}).items():
        one.pop("title", None)
        if name in told:
            one["description"] = told[name]
    schema.pop("title", None)
    return schema | about


def _names(known: Collection[str]) -> Schema:
    """A name: one of ours, which an editor offers, or one of the suite's own."""
    return {"anyOf": [{"enum": list(known)}, {"type": "string"}]}


def _all_or(name: Schema, field: Schema) -> Schema:
    several = {"type": "array", "items": name, "minItems": 1}
    return {"anyOf": [{"const": "all"}, several], "description": field.get("description", "")}


def _by_name(table: Schema, about: str) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": NAME_PATTERN},
        "additionalProperties": table,
        "description": about,
    }
