"""Where the code commits, publishes or calls out, and the failpoints there: both read from the code itself."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PRODUCT = ("aivis", "services")
_NOT_SERVING = ("aivis/cli", "aivis/v1")
"""The command line asks a service and tells a person; it keeps nothing."""
_POINT = re.compile(r"[a-z]+\.[a-z_]+")
_REACHING = frozenset({"around", "reach"})
_NAMING = _REACHING | {"_transaction", "_write"}
"""Functions whose first argument names a failpoint."""
_COMMITTING = frozenset({"connection", "database", "self._database"})
"""SQLite's connections, which commit when used as a context."""
_LEAVES = {
    "a transaction": re.compile(r".*\.transaction"),
    "a publication": re.compile(r".*\.send_batch"),
    "a commit of offsets": re.compile(r".*consumer\.commit"),
    "a gRPC call": re.compile(r"stub\.[A-Z]\w+"),
    "a call of the index": re.compile(r".*\.(insert_many|delete_many)"),
    "a call of a model": re.compile(r".*_client\.(post|chat\.completions\.create)"),
}


@dataclass(frozen=True)
class Leaf:
    """A commit, a publication or a call outward."""

    kind: str
    path: str
    function: str
    """With its class."""
    line: int
    guarded: bool
    """Whether its function reaches a failpoint."""


def points() -> list[str]:
    """Every failpoint, with its moment: `store.commit.before`, ..."""
    named = {name for _, tree in _trees() for name in _named(tree)}
    return [f"{name}.{moment}" for name in sorted(named) for moment in ("before", "after")]


def leaves() -> Iterator[Leaf]:
    """Every commit, publication and call outward in the code that serves."""
    for path, tree in _trees():
        for name, function in _functions(tree, ()):
            yield from _in(function, path, ".".join(name))


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for part in _PRODUCT:
        for file in sorted((ROOT / part).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(_NOT_SERVING):
                yield path, ast.parse(file.read_text(encoding="utf-8"))


def _named(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _called(node) in _NAMING:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and _POINT.fullmatch(first.value):
                yield first.value


def _functions(
    tree: ast.AST, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Functions and methods, with their names; what stands in a function belongs to it."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (*above, node.name), node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, (*above, node.name))


def _in(function: ast.FunctionDef | ast.AsyncFunctionDef, path: str, name: str) -> Iterator[Leaf]:
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call)]
    guarded = any(_called(call) in _REACHING for call in calls)
    contexts = [item.context_expr for node in ast.walk(function) if isinstance(node, ast.With) for item in node.items]
    for node in [*calls, *contexts]:
        if kind := _kind(node):
            yield Leaf(kind, path, name, node.lineno, guarded)


def _kind(node: ast.expr) -> str:
    """What leaves the process here, or nothing."""
    if not isinstance(node, ast.Call):
        return "a commit by a context" if ast.unparse(node) in _COMMITTING else ""
    name = ast.unparse(node.func)
    if name.endswith(".execute") and node.args and ast.unparse(node.args[0]).strip("'\"").lower() == "commit":
        return "a commit"
    if name.endswith(".replace") and len(node.args) == 1 and not node.keywords:
        return "a file put in its place"  # a string's replace has two arguments
    return next((kind for kind, pattern in _LEAVES.items() if pattern.fullmatch(name)), "")


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
