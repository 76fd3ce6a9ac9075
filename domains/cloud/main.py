"""Wires the cloud's tool server."""

import sys

from aivis.errors import AivisError
from aivis.telemetry import configure_logging
from aivis.toolkit import run
from domains.cloud.server import accounts, all_tools, serving
from domains.cloud.settings import CloudSettings


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    try:
        settings = CloudSettings.load()
        configure_logging(format=settings.log_format, level=settings.log_level)
        run(all_tools(), serving(settings), accounts(settings).of)
    except AivisError as error:
        sys.exit(f"the cloud's tool server cannot start: {error}")
