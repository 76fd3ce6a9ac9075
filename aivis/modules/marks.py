"""YAML that remembers its lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from aivis import plain_yaml
from aivis.modules.problems import Problem

Path = tuple[str | int, ...]
"""Keys and indices that lead to a part of a file."""


@dataclass(frozen=True)
class Marked:
    """A file's value, and the line of each of its parts."""

    file: str
    value: Any
    lines: dict[Path, int]

    def line(self, path: Sequence[str | int]) -> int:
        """The line of `path`, or of the nearest part around it."""
        for end in range(len(path), -1, -1):
            found = self.lines.get(tuple(path[:end]))
            if found:
                return found
        return 1

    def problem(self, path: Sequence[str | int], message: str) -> Problem:
        return Problem(self.file, self.line(path), shown(path), message)


def shown(path: Sequence[str | int]) -> str:
    """`("remedies", 0, "with")` as `remedies[0].with`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def read(text: str, file: str) -> tuple[Marked | None, list[Problem]]:
    """The YAML of `text`, or why it cannot be read. Keys that come twice are problems."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            return None, [Problem(file, 1, "", "holds a YAML alias (*name): write the value out")]
        node = plain_yaml.read(lambda: yaml.compose(text, Loader=yaml.SafeLoader))
        value = plain_yaml.load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error)
        advice = "write it as YAML; put a text that holds ': ' or begins with '!', '{' or '[' into double quotes"
        return None, [Problem(file, 1 if mark is None else mark.line + 1, "", f"not YAML ({said}): {advice}")]
    if not isinstance(node, yaml.MappingNode):
        return None, [Problem(file, 1, "", "must be a map that begins with fault:, healthy:, procedure: or inputs:")]
    marked = Marked(file, value, {})
    problems: list[Problem] = []
    _walk(node, (), marked, problems)
    return marked, problems


def _walk(node: yaml.Node, path: Path, marked: Marked, problems: list[Problem]) -> None:
    marked.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _walk(item, (*path, index), marked, problems)
    elif isinstance(node, yaml.MappingNode):
        for key, item in node.value:
            below = (*path, str(key.value))
            if below in marked.lines:
                problems.append(Problem(marked.file, key.start_mark.line + 1, shown(below), "is here twice: keep one"))
            marked.lines[below] = key.start_mark.line + 1
            _walk(item, below, marked, problems)
