"""YAML that people wrote: whatever cannot be read is a `yaml.YAMLError`.

PyYAML itself lets other errors out: of a date that is none, a tag on what does not fit it, a nesting without end.
"""

from collections.abc import Callable
from typing import TypeVar

import yaml

T = TypeVar("T")
_FAST: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(content: str | bytes) -> object:
    """The value of `content`, of plain types."""
    return read(lambda: yaml.load(content, Loader=_FAST))  # noqa: S506  # the safe one


def read(reading: Callable[[], T]) -> T:
    """What `reading` gives, which reads YAML."""
    try:
        return reading()
    except yaml.YAMLError:
        raise
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise yaml.YAMLError(f"a value that is none of its kind: {type(error).__name__}: {error}"[:300]) from error
