"""An executor stands still between INTENT and its call, until another has settled and done it: it acts on nothing.

It needs no server, and stands here because it takes long: `make test` is to stay under ten minutes.
"""

import asyncio
from pathlib import Path

import pytest

from chaos.judge import converged
from chaos.load import Ticket
from chaos.rack import lamps
from chaos.rows import zombies
from chaos.stack import embedded

TICKET = Ticket("alpha", "R-2", "Lamp lamp-unplugged-2 is dark, please mend it.", "lamp-unplugged-2")
"""A plug that can be looked up, and that does not know keys: called twice, it is done twice."""


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_who_stood_still_before_its_call_calls_no_more_when_others_have_settled_it(tmp_path: Path) -> None:
    async with embedded(tmp_path) as stack:
        await stack.kill("executor")
        await stack.start("executor", failpoints="tools.call.before=stop@2")  # the first call looks
        await stack.until_ready()
        client = stack.client(TICKET.tenant)
        await asyncio.to_thread(client.post, stack.run.gateway, "/v1/tickets", TICKET.submitted.model_dump())
        assert await zombies.stand_still(stack, "executor", "tools.call.before")
        cases, _ = await asyncio.wait_for(converged(stack, [TICKET], seconds=40), 60)
        assert cases[TICKET.case]["status"] == "resolved"
        assert zombies.refused(stack, "executor") > 0, "its late write reached the fence"
        assert [act.tool for act in lamps.read(stack.acts)] == ["rack.plug_in"]
