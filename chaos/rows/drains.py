"""SIGTERM under load: a service ends by itself, in time and in order, and the next one goes on."""

import asyncio
import signal

from aivis.cli.embedded import SERVICES
from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import BOTH, Landed, Row
from chaos.stack import Stack

_GRACE_SECONDS = 30
"""Kubernetes' default before it kills."""


async def strike(stack: Stack, load: Load) -> Landed:
    """One service after another."""
    landed = Landed()
    for name in SERVICES:
        process = stack.process(name)
        process.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(process.wait(), _GRACE_SECONDS)
        except TimeoutError:
            landed.missing.append(f"{name}: still there after {_GRACE_SECONDS} s")
            await stack.kill(name)
        else:
            (landed.missing if status else landed.faults).append(f"{name}: ended with {status}")
        await stack.start(name)
        await asyncio.sleep(1)
    return landed


ROW = Row("drains", "SIGTERM to every service: it drains within the grace period", under_load(strike), BOTH)
