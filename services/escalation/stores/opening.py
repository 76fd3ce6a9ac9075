"""From `AIVIS_DATABASE` to the table of figures."""

from pathlib import Path

from aivis.errors import Invalid
from services.escalation.ports import FigureStore
from services.escalation.stores.sqlite import SqliteFigures


def open_figures(database: str) -> FigureStore:
    """The table in `database`: `sqlite:FOLDER` or a `postgresql://` address. Nothing is opened yet."""
    kind, _, rest = database.partition(":")
    if kind == "sqlite" and rest:
        return SqliteFigures(Path(rest) / "escalation-figures.db")
    if kind in ("postgres", "postgresql"):
        from services.escalation.stores.postgres import PostgresFigures

        return PostgresFigures(database, schema="aivis_escalation")
    raise Invalid(f"AIVIS_DATABASE={database!r}: give sqlite:FOLDER or postgresql://USER@HOST/NAME")
