"""The brokers: silent, killed in the middle of a batch, out of reach for minutes, and gone with all they had."""

import asyncio
import signal

from chaos.fleet import BROKERS
from chaos.load import Load
from chaos.playing import under_load
from chaos.rows.row import BOTH, Landed, On, Row
from chaos.stack import Stack
from chaos.wire import publishes

_AWAY_SECONDS = 20
_MINUTES_SECONDS = 120
_BETWEEN_SECONDS = 6
_STRUCK_SECONDS = 15
_LOST = 20
"""Acknowledgements to be lost on every broker."""


async def silent(stack: Stack, load: Load) -> Landed:
    """It takes connections and answers nothing."""
    process = stack.process("broker")
    process.send_signal(signal.SIGSTOP)
    await asyncio.sleep(_AWAY_SECONDS)
    process.send_signal(signal.SIGCONT)
    await asyncio.sleep(_BETWEEN_SECONDS)
    return Landed([f"broker silent for {_AWAY_SECONDS} s"])


async def wiped(stack: Stack, load: Load) -> Landed:
    """All that was published is gone: the embedded broker keeps its data in memory, the others' data is deleted."""
    load.over_kafka = False  # what is published on a broker that then loses it, nobody else has
    await asyncio.sleep(_BETWEEN_SECONDS)
    landed = Landed()
    for time in ("first", "second") if stack.fleet is None else ("only",):
        if stack.fleet is None:
            await stack.kill("broker")
            await stack.start("broker")
        else:
            await stack.fleet.begin_empty()
        landed.faults.append(f"brokers started empty, the {time} time")
        await asyncio.sleep(_BETWEEN_SECONDS)
    return landed


async def leaders(stack: Stack, load: Load) -> Landed:
    """Each broker dies with a batch that it has taken and not acknowledged; then two of them are away at once."""
    landed, servers = Landed(), stack.servers
    for name in BROKERS:
        wire, process = servers.wires[name], servers.children.process(name)
        wire.lose_answers(publishes, times=1, then=process.kill)
        try:
            await asyncio.wait_for(process.wait(), _STRUCK_SECONDS)
            landed.faults.append(f"{name} killed in the middle of a batch")
        except TimeoutError:
            landed.missing.append(f"{name}: nothing was published on it in {_STRUCK_SECONDS} s")
            await servers.kill(name)
        await asyncio.sleep(_BETWEEN_SECONDS)
        await servers.start_broker(name)
        await servers.until_whole()
    await asyncio.gather(*map(servers.kill, BROKERS[1:]))
    await asyncio.sleep(_BETWEEN_SECONDS)
    await asyncio.gather(*map(servers.start_broker, BROKERS[1:]))
    await servers.until_whole()
    landed.faults.append(f"two of three brokers away for {_BETWEEN_SECONDS} s: too few to acknowledge")
    return landed


async def unheard(stack: Stack, load: Load) -> Landed:
    """Brokers take what is published, and their acknowledgements do not arrive."""
    wires = [stack.servers.wires[name] for name in BROKERS]
    for wire in wires:
        wire.lost = 0
        wire.lose_answers(publishes, times=_LOST)
    await asyncio.sleep(_AWAY_SECONDS)
    landed = Landed([f"{name}: {wire.lost} acknowledgements lost" for name, wire in zip(BROKERS, wires, strict=True)])
    landed.missing = [name for name, wire in zip(BROKERS, wires, strict=True) if not wire.lost]
    return landed


async def unreachable(stack: Stack, load: Load) -> Landed:
    """No packet passes for half of the time, and connections are refused for the other half."""
    wires = [stack.servers.wires[name] for name in BROKERS]
    for wire in wires:
        wire.held = wire.cuts = 0
        wire.still()
    await asyncio.sleep(_MINUTES_SECONDS / 2)
    for wire in wires:
        wire.shut()
        wire.let_flow()
    await asyncio.sleep(_MINUTES_SECONDS / 2)
    for wire in wires:
        wire.heal()
    landed = Landed([f"{sum(wire.held for wire in wires)} requests held", f"{sum(w.cuts for w in wires)} refused"])
    landed.missing = [name for name in BROKERS if not stack.servers.wires[name].cuts]
    await asyncio.sleep(_BETWEEN_SECONDS)
    return landed


ROWS = (
    Row("broker-silent", "the broker answers nothing for a while", under_load(silent)),
    Row("broker-wiped", "brokers lose everything: cases go on from the databases", under_load(wiped), BOTH),
    Row("leaders-killed", "brokers die in the middle of a batch, and two at once", under_load(leaders), (On.SERVERS,)),
    Row("acks-lost", "brokers take events, and their acknowledgements are lost", under_load(unheard), (On.SERVERS,)),
    Row("brokers-away", "no broker is reached for two minutes", under_load(unreachable), (On.SERVERS,)),
)
