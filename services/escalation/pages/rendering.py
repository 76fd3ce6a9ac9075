"""Fills templates in. Everything is escaped: tickets, tool results and a model's words are hostile."""

import unicodedata
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

_HERE = Path(__file__).parent
STYLE = (_HERE / "style.css").read_text(encoding="utf-8")
_LONGEST = 20_000
"""Characters of one text that a page shows."""


def visible(text: object) -> str:
    """`text` with what the eye cannot see made visible: control characters, and what turns the reading direction."""
    shown = str(text)
    cut = f"\n… {len(shown) - _LONGEST} more characters" if len(shown) > _LONGEST else ""
    return "".join(map(_seen, shown[:_LONGEST])) + cut


def _seen(character: str) -> str:
    if character in "\n\t" or unicodedata.category(character) not in ("Cc", "Cf"):
        return character
    return f"\\u{ord(character):04x}"


def _finished(value: Any) -> Any:
    """Every value on its way into a page, before it is escaped."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def as_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()


def moment(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S}"


def span(begin: datetime | None, end: datetime) -> str:
    """How long it is from one moment to another, in words."""
    if begin is None:
        return ""
    return duration(max(0.0, (end - begin).total_seconds()))


def duration(seconds: float | None) -> str:
    """Seconds in the largest unit that fits."""
    if seconds is None:
        return "–"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 or seconds == 0 else f"{seconds:.1f} s"


def share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )
    environment.filters.update(as_json=as_json, moment=moment, duration=duration, share=share, span=span)
    return environment


_ENVIRONMENT = _environment()


def render(name: str, about: Mapping[str, Any]) -> str:
    """The page `name` about that."""
    return _ENVIRONMENT.get_template(name).render(about)
