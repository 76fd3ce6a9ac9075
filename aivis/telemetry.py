"""Logs: one line an event, structured, with the case's id."""

import logging
import sys
from typing import Any, TextIO

import orjson
import structlog


def configure_logging(*, format: str, level: str, file: TextIO = sys.stderr) -> None:
    """Send our logs and the libraries' to `file`; `format` is `json` or `text`."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer = structlog.dev.ConsoleRenderer() if format == "text" else structlog.processors.JSONRenderer(_dumps)
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(file)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger("aivis.bus").setLevel(logging.ERROR)  # FastStream warns that topics are ours to create: they are


def _dumps(value: Any, **_: Any) -> str:
    return orjson.dumps(value, default=str).decode()
