"""What the code says of itself: the strings that stand below fields and constants."""

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from types import ModuleType


@cache
def of_fields(owner: type) -> dict[str, str]:
    """The docstrings below the fields of a class and of the classes that it is made of, by the field's name."""
    found: dict[str, str] = {}
    for one in reversed(owner.__mro__):
        if one.__module__.startswith("leasebench."):
            found |= _below(ast.parse(textwrap.dedent(inspect.getsource(one))).body[0])
    return found


def of_constants(module: ModuleType) -> dict[str, str]:
    """The docstrings below the constants of a module, by the constant's name."""
    return _below(ast.parse(inspect.getsource(module)))


def _below(owner: ast.AST) -> dict[str, str]:
    body = getattr(owner, "body", [])
    found: dict[str, str] = {}
    for statement, after in pairwise(body):
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str):
            text = inspect.cleandoc(after.value.value)
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                found[statement.target.id] = text
            elif isinstance(statement, ast.Assign):
                found |= {target.id: text for target in statement.targets if isinstance(target, ast.Name)}
    return found
