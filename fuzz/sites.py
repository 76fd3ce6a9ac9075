"""Where the code decodes: functions that read JSON, YAML, base64, times, policies or messages. Read from the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_PARTS = ("aivis", "services", "domains", "learning")
_GENERATED = "aivis/v1/"
_DECODES = re.compile(
    r"(orjson|json)\.loads|.*\.(model_validate|model_validate_json|validate_python)|(plain_)?yaml\.\w*(load|parse|compose)"
    r"|base64\.\w*decode|.*\.fromisoformat|.*\.(FromString|from_str)|cel\.compile|registry\.(decode|with_body|payload)"
    r"|Draft\w+|self\.feed|.*\.ToTimedelta|parse_qsl"
)


def sites() -> set[str]:
    """Every decoding function, as PATH:NAME with its class."""
    found: set[str] = set()
    for part in _PARTS:
        for file in sorted((ROOT / part).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(_GENERATED):
                tree = ast.parse(file.read_text(encoding="utf-8"))
                found |= {f"{path}:{'.'.join(name)}" for name in _decoding(tree, ())}
    return found


def _decoding(tree: ast.AST, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield from _decoding(node, (*above, node.name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = [each for each in ast.walk(node) if isinstance(each, ast.Call)]
            if any(_DECODES.fullmatch(ast.unparse(call.func)) for call in calls):
                yield (*above, node.name)
