"""Experts' words of before the database was put back stand: nobody is asked again."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from aivis import topics
from aivis.events.actions import ApprovalDenied, ApprovalGranted, Purpose, Settlement
from aivis.events.envelope import Event, Head, Past, Payload
from aivis.events.escalations import FeedbackGiven, FeedbackKind
from aivis.mailbox.turn import Turn
from aivis.mailbox.values import Arrival, Key, Step
from services.escalation import entry as entries
from services.escalation.bookkeeping import Bookkeeper
from services.escalation.consumer import Desk
from services.escalation.entry import Entry
from services.escalation.recalling import refine
from services.escalation.stores.sqlite import SqliteFigures
from tests.unit.services.escalation.cases import ASKED, BEGIN, CASE, UNSETTLED, decision, said

GRANTED = ApprovalGranted(action=ASKED.action, digest=ASKED.digest, expert="dana", expires_at=ASKED.expires_at)
DENIED = ApprovalDenied(action=ASKED.action, digest=ASKED.digest, expert="dana")
SETTLED = Settlement(action=UNSETTLED.action, expert="dana", happened=True)


async def after(*events: Event) -> tuple[Entry, Step]:
    async def keep(turn: Turn, step: Step) -> None:
        raise AssertionError("nothing is committed on the way")

    desk = Desk(Bookkeeper(SqliteFigures(Path("/nonexistent")), every=1, show=lambda groups: None))
    step = await desk.handle(Turn(Key("acme", CASE), None, "", 0, 0, events, lambda: BEGIN, keep))
    return entries.load(step.state), step


def word(data: Payload, seconds: float = 5) -> Event:
    return said(data, seconds)._replace(past=Past.SAID, source="escalation")


@pytest.mark.parametrize("data", [GRANTED, DENIED], ids=["granted", "denied"])
@pytest.mark.parametrize("word_first", [True, False])
async def test_an_action_that_was_decided_does_not_wait_again(
    data: ApprovalGranted | ApprovalDenied, word_first: bool
) -> None:
    events: Sequence[Event] = [word(data), said(ASKED, 3, sequence=3)]
    entry, step = await after(*(events if word_first else reversed(events)))
    assert entry.pending_approvals == ()
    assert [(one.verdict, one.expert) for one in entry.approvals] == [
        ("granted" if data is GRANTED else "denied", "dana")
    ]
    assert entry.record.proposals == {ASKED.action: data is GRANTED}
    assert [each.topic for each in step.publish] == [topics.APPROVALS.name], "known by its id to whoever had it"


@pytest.mark.parametrize("word_first", [True, False])
async def test_a_doubt_that_was_settled_is_settled(word_first: bool) -> None:
    events: Sequence[Event] = [word(SETTLED), said(UNSETTLED, 3, sequence=3)]
    entry, _ = await after(*(events if word_first else reversed(events)))
    assert entry.pending_doubts == ()


async def test_a_judgement_stands_and_the_case_tells_of_it() -> None:
    judgement = FeedbackGiven(kind=FeedbackKind.JUDGEMENT, expert="dana", about="act-1", right=False)
    entry, step = await after(said(decision("act-1", Purpose.REMEDY), 2, sequence=2), word(judgement))
    assert entry.record.acts["act-1"].judged is False
    assert step.log[-1].data == judgement


async def test_whoever_said_it_and_asks_again_hears_that_it_is_done() -> None:
    command = word(GRANTED)
    entry, _ = await after(command)
    assert entry.answers[command.id].status == 200


def test_of_our_own_words_only_commands_come_again_and_under_their_own_ids() -> None:
    def admitted(type: str, causation: str | None = None) -> Arrival | None:
        head = Head(id="e1", type=type, source="escalation", subject=CASE, tenant="acme", causationid=causation)
        return refine()(topics.FEEDBACK, head, Arrival("e1", Key("acme", CASE), "t", (), b"{}"))

    command = admitted(FeedbackGiven.TYPE)
    assert command is not None
    assert command.event_id == "e1"
    assert admitted(FeedbackGiven.TYPE, causation="e0") is None, "what an expert's word brought forth"
