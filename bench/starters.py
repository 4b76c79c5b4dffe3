"""Files to begin with, as `leasebench init` writes them: a suite with its schema, a lock class that works."""

import json
from pathlib import Path

from leasebench.bench.terminal import writing
from leasebench.definitions import DefinitionError, named
from leasebench.names import valid_name

TEMPLATES = Path(__file__).parent / "templates"
LOCK_CLASS = "MyLock"
SCHEMA_FILE = "suite.schema.json"
"""Where the template of a suite looks for its schema: beside itself."""


LOCKS = {
    "plain": ("my_lock.py.template", "a correct lock on one Redis"),
    "renewing": ("my_renewing_lock.py.template", "a lock on one Redis that a thread renews, and that tells of a loss"),
    "asyncio": ("my_asyncio_lock.py.template", "a lock with coroutines, which a task renews, and fencing numbers"),
}
"""The templates of a lock class, by their kind: file, and what it is."""


RACED = {
    ".mjs": "leasebench run --command 'node {path}'",
    ".py": "leasebench run --command 'python3 {path}'",
    ".sh": "leasebench run --command 'bash {path}'",
    ".go": "go build {path} && leasebench run --command ./{stem}",
    ".java": "javac -d . {path} && leasebench run --command 'java {stem}'",
}
"""How a template of each language is raced."""


def write_lock(path: Path, kind: str = "plain") -> str:
    """Write the template of a lock class, and say what to do with it. Raises DefinitionError."""
    file, about = named("kind of lock", kind, LOCKS)
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise DefinitionError(f"{path}: a lock class is imported: its file must be called as in my_lock.py")
    module = path.stem
    text = (TEMPLATES / file).read_text(encoding="utf-8")
    _write_new(path, text.replace("my_lock:", f"{module}:"))
    inside = "" if path.parent == Path() else f"cd {path.parent} && "
    command = f"{inside}leasebench run --manager {module}:{LOCK_CLASS}"
    return f"{path}: {about}, {LOCK_CLASS}; next: {command}"


def foreign_templates() -> dict[str, Path]:
    """The templates of a lock in another language, by the name that each has as a file."""
    return {path.stem: path for path in sorted((TEMPLATES / "foreign").glob("*.template"))}


def write_program(path: Path) -> str:
    """Write the template of a lock in the language of the file's ending, and say what to do with it.

    Raises DefinitionError.
    """
    by_ending = {Path(name).suffix: (name, file) for name, file in foreign_templates().items()}
    if path.suffix not in by_ending:
        raise DefinitionError(f"{path}: there are templates for files that end in {', '.join(sorted(by_ending))}")
    name, file = by_ending[path.suffix]
    if path.suffix == ".java" and path.name != name:
        raise DefinitionError(f"{path}: a class of Java has the name of its file: call it {name}")
    text = file.read_text(encoding="utf-8").replace(Path(name).stem, path.stem)
    _write_new(path, text)
    return f"{path}: a correct lock on one Redis; next: {RACED[path.suffix].format(path=path, stem=path.stem)}"


def write_suite(path: Path) -> str:
    """Write a commented suite, and beside it its schema if there is none; say what to do with it.

    Raises DefinitionError.
    """
    if path.suffix != ".toml" or not valid_name(path.stem):
        raise DefinitionError(f"{path}: a suite is named by its file: call it as in my-suite.toml (a-z 0-9 _ -)")
    text = (TEMPLATES / "suite.toml.template").read_text(encoding="utf-8")
    _write_new(path, text.replace("leasebench run FILE", f"leasebench run {path}"))
    schema = path.with_name(SCHEMA_FILE)
    beside = f"{schema} was there already"
    if not schema.exists():
        beside = write_schema(schema)
    return f"{path}: a suite with every part explained ({beside}); next: leasebench run {path}"


def write_schema(path: Path) -> str:
    """Write the JSON Schema of a suite file, and say what it is for. Raises DefinitionError."""
    from leasebench.bench.suite_schema import suite_schema

    _write_new(path, json.dumps(suite_schema(), indent=1) + "\n")
    return f"{path}: editors complete a suite's keys by it"


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises DefinitionError if it is, or can't be written."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise DefinitionError(f"{path}: exists already, and is never overwritten: name another file") from error
