"""Files to begin with, as `leasebench init` writes them: a lock class that works."""

from pathlib import Path

from leasebench.bench.terminal import writing
from leasebench.definitions import DefinitionError

TEMPLATES = Path(__file__).parent / "templates"
LOCK_CLASS = "MyLock"


def write_lock(path: Path) -> str:
    """Write the template of a lock class, and say what to do with it. Raises DefinitionError."""
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise DefinitionError(f"{path}: a lock class is imported: its file must be called as in my_lock.py")
    module = path.stem
    text = (TEMPLATES / "my_lock.py.template").read_text(encoding="utf-8")
    _write_new(path, text.replace("my_lock:", f"{module}:"))
    inside = "" if path.parent == Path() else f"cd {path.parent} && "
    command = f"{inside}leasebench run --manager {module}:{LOCK_CLASS}"
    return f"{path}: a correct lock on one Redis, {LOCK_CLASS}; next: {command}"


def _write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet. Raises DefinitionError if it is, or can't be written."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError as error:
            raise DefinitionError(f"{path}: exists already, and is never overwritten: name another file") from error
