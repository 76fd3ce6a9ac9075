"""Finds what is wrong with a folder of modules before anything runs: form, expressions, tools, examples.

`aivis doctor` and the tests call `lint`. Every problem names file, line and field, and what to do.
"""

from collections.abc import Iterator
from pathlib import Path

from aivis.modules.catalogue import Catalogue
from aivis.modules.examples import example_faults
from aivis.modules.inspection import inputs_faults, module_faults
from aivis.modules.loader import Loaded, load_all, parse_all
from aivis.modules.problems import Problem
from aivis.modules.uses import Bench


def lint(folder: Path, catalogue: Catalogue) -> list[Problem]:
    """Every problem of the modules in `folder`, by file and line; an empty list means that they can be used."""
    return problems_of(load_all(folder), catalogue)


def lint_texts(texts: dict[str, str], catalogue: Catalogue) -> list[Problem]:
    """The same for texts by file name."""
    return problems_of(parse_all(texts.items()), catalogue)


def problems_of(loaded: Loaded, catalogue: Catalogue) -> list[Problem]:
    """The problems of form that loading met, and all others of what could be loaded."""
    return sorted({*loaded.problems, *_deeper(loaded, catalogue)})


def _deeper(loaded: Loaded, catalogue: Catalogue) -> Iterator[Problem]:
    library = loaded.library
    if loaded.inputs_file:
        bench = Bench(library, catalogue, loaded.inputs_file)
        yield from inputs_faults(bench)
    for source in loaded.sources:
        bench = Bench(library, catalogue, source.marked)
        found = list(module_faults(source.module, bench))
        yield from found
        if not found:
            yield from example_faults(source, library)
