from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aivis.access import Grant, Role, fingerprint
from services.escalation.main import build
from services.escalation.settings import EscalationSettings
from tests.integration.services.working import Working, working

GRANTS = (
    Grant(name="ada", role=Role.EXPERT, tenants=("acme", "initech"), sha256=fingerprint("ada-key")),
    Grant(name="bob", role=Role.EXPERT, tenants=("acme",), sha256=fingerprint("bob-key")),
    Grant(name="eve", role=Role.EXPERT, tenants=("globex",), sha256=fingerprint("eve-key")),
    Grant(name="desk", role=Role.UPSTREAM, tenants=("acme",), sha256=fingerprint("desk-key")),
)


def settings(folder: Path) -> EscalationSettings:
    return EscalationSettings(database=f"sqlite:{folder}", keys=GRANTS, session_secret="s" * 40, figures_seconds=0.05)


@pytest.fixture
async def escalation(tmp_path: Path) -> AsyncIterator[Working]:
    async with working(build(settings(tmp_path)), "ada-key") as found:
        yield found
