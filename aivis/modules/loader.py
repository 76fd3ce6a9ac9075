"""A folder of YAML files becomes a library, or a list of everything that is wrong with it."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from aivis.modules.library import Library, library
from aivis.modules.marks import Marked, read
from aivis.modules.problems import Problem, refuse
from aivis.modules.schema import KINDS, AnyModule, Input, Inputs


@dataclass(frozen=True)
class Source:
    """A file and the module in it."""

    marked: Marked
    module: AnyModule


@dataclass(frozen=True)
class Loaded:
    """What a folder holds."""

    sources: tuple[Source, ...]
    inputs: dict[str, Input]
    inputs_file: Marked | None
    problems: tuple[Problem, ...]

    @property
    def library(self) -> Library:
        return library((source.module for source in self.sources), self.inputs)


def load(folder: Path) -> Library:
    """The modules of `folder`; `Invalid` with every problem of form, one a line, when there are any."""
    loaded = load_all(folder)
    refuse(loaded.problems)
    return loaded.library


def load_all(folder: Path) -> Loaded:
    """The modules that can be read, and the problems of form of those that cannot."""
    files = sorted(folder.glob("*.yaml")) + sorted(folder.glob("*.yml"))
    if not files:
        return Loaded((), {}, None, (Problem(str(folder), 1, "", "has no *.yaml files: put the modules here"),))
    return parse_all((str(file), file.read_text(encoding="utf-8", errors="replace")) for file in files)


def parse_all(files: Iterable[tuple[str, str]]) -> Loaded:
    """The same from (file name, text) pairs."""
    sources: dict[str, Source] = {}
    inputs: dict[str, Input] = {}
    inputs_file: Marked | None = None
    problems: list[Problem] = []
    for file, text in files:
        marked, found = read(text, file)
        problems += found
        form, found = _form(marked) if marked else (None, [])
        problems += found
        if marked is None or form is None:
            continue
        if isinstance(form, Inputs):
            inputs_file = marked
            inputs |= form.inputs
        else:
            problems += _place(marked, form, sources)
            sources.setdefault(form.name, Source(marked, form))
    return Loaded(tuple(sources.values()), inputs, inputs_file, tuple(problems))


def _place(marked: Marked, module: AnyModule, sources: dict[str, Source]) -> list[Problem]:
    kind = next(iter(marked.value))
    if module.name in sources:
        other = sources[module.name].marked.file
        return [marked.problem((kind,), f"{module.name} is also in {other}: give one of them another name")]
    if Path(marked.file).stem != module.name:
        told = f"is named {module.name}: name the file {module.name}.yaml, or the module after it"
        return [marked.problem((kind,), told)]
    return []


def _form(marked: Marked) -> tuple[AnyModule | Inputs | None, list[Problem]]:
    kinds = [kind for kind in KINDS if kind in marked.value]
    if len(kinds) != 1:
        found = "has none" if not kinds else f"has {' and '.join(kinds)}"
        return None, [marked.problem((), f"must have one of fault:, healthy:, procedure:, inputs:, and {found}")]
    form = KINDS[kinds[0]]
    try:
        return form.model_validate(marked.value), []
    except ValidationError as error:
        return None, [_explained(marked, form, each) for each in _own(error.errors())]


def _own(errors: Sequence[Any]) -> list[Any]:
    """Without 'too short', which pydantic also says of a list that has only wrong items."""
    return [
        each
        for each in errors
        if each["type"] != "too_short" or not any(_is_below(other["loc"], each["loc"]) for other in errors)
    ]


def _is_below(path: Sequence[Any], above: Sequence[Any]) -> bool:
    return len(path) > len(above) and path[: len(above)] == above


def _explained(marked: Marked, form: type[BaseModel], error: Any) -> Problem:
    path = tuple(part for part in error["loc"] if _in_file(marked, part) or error["type"] == "missing")
    kind, message = error["type"], error["msg"].removeprefix("Value error, ")
    if kind == "extra_forbidden":
        near = difflib.get_close_matches(str(path[-1]), _fields(form), 1)
        return marked.problem(path, f"is not a field here: {f'did you mean {near[0]}?' if near else 'take it out'}")
    if kind == "missing":
        return marked.problem(path, "is missing: add it")
    got = f", not {error['input']!r}" if isinstance(error["input"], str | int | float | bool) else ""
    return marked.problem(path, f"{message}{got}")


def _in_file(marked: Marked, part: object) -> bool:
    """Pydantic puts names of union members into paths; only what is in the file is shown."""
    return isinstance(part, int) or any(part in path for path in marked.lines)


def _fields(form: type[BaseModel]) -> list[str]:
    """The names of all fields of `form` and of the forms in it."""
    names: dict[str, None] = {}
    pending, seen = [form], set()
    while pending:
        each = pending.pop()
        if each in seen:
            continue
        seen.add(each)
        for name, info in each.model_fields.items():
            names[info.alias or name] = None
            pending += [
                each for each in _parts(info.annotation) if isinstance(each, type) and issubclass(each, BaseModel)
            ]
    return list(names)


def _parts(annotation: Any) -> list[Any]:
    return [annotation, *(part for each in get_args(annotation) for part in _parts(each))]
