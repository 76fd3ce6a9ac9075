"""A cloud to practise on: the demo's worlds with their faults, and the tickets of their customers in a file."""

from pathlib import Path

import orjson

from aivis.cli.embedded import REGION, Run
from domains.cloud.lab.api import Endpoint
from domains.cloud.lab.staging import stage


def prepare(run: Run, file: Path) -> int:
    """Fill the cloud of `run`, and write its tickets to `file` as `aivis submit` reads them; how many there are."""
    staged = stage(Endpoint(url=run.cloud, region=REGION), run.tenant)
    lines = [
        orjson.dumps({"customer": ticket.customer, "subject": ticket.subject, "text": ticket.text}) for ticket in staged
    ]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return len(lines)
