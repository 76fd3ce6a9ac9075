from datetime import UTC, datetime, timedelta

import pytest

from aivis import identity
from aivis.errors import Invalid
from aivis.events.envelope import Event, Past, Payload
from aivis.events.replies import Outcome, OutcomeReached, OwnerChanged, ReplyKind, ReplySent, Status, StatusChanged
from aivis.events.tickets import (
    MessageSubmitted,
    StateSubmitted,
    TicketClosed,
    TicketEdited,
    TicketMessageAdded,
    TicketOpened,
    TicketReopened,
    TicketSubmitted,
    TicketWithdrawn,
)
from aivis.mailbox.turn import NotYet
from aivis.mailbox.values import Key, Step
from services.gateway import asking, normalising, ticket
from services.gateway.draft import Draft

NOW = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
CASE = identity.case_id("acme", "desk", "T-1")
KEY = Key("acme", CASE)
FIRST = timedelta(seconds=15)
TICKET = TicketSubmitted(ticket="T-1", customer="c-7", subject="No access", text="SSH times out.")


def submitted(data: Payload, id: str = "e1", *, time: datetime = NOW) -> Event:
    return Event(id=id, type=data.TYPE, source="desk", tenant="acme", case="T-1", time=time, data=data)


def of_case(data: Payload, id: str, *, causation: str | None = None) -> Event:
    return Event(
        id=id, type=data.TYPE, source="reasoner", tenant="acme", case=CASE, time=NOW, data=data, causation=causation
    )


def after(state: bytes | None, *events: Event) -> Step:
    draft = Draft(state, KEY, NOW)
    for event in normalising.in_order(events):
        draft.take_in(event)
    return draft.step(FIRST)


def payloads(step: Step) -> list[Payload]:
    return [outgoing.event.data for outgoing in step.publish]


def test_a_submitted_ticket_opens_a_case_named_by_tenant_source_and_ticket() -> None:
    step = after(None, submitted(TICKET))

    [outgoing] = step.publish
    assert outgoing.topic == "aivis.tickets"
    assert outgoing.event.case == CASE
    assert outgoing.event.causation == "e1"
    assert outgoing.event.data == TicketOpened(
        ticket="T-1", source="desk", customer="c-7", subject="No access", text="SSH times out.", opened_at=NOW
    )


def test_the_trace_is_the_case_unless_the_sender_brought_one() -> None:
    [made] = after(None, submitted(TICKET)).publish
    brought = submitted(TICKET)._replace(traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01")
    [kept] = after(None, brought).publish

    assert made.event.traceparent == identity.trace_parent(CASE, "e1")
    assert kept.event.traceparent == brought.traceparent


def test_a_ticket_without_a_time_of_its_own_is_opened_now() -> None:
    [outgoing] = after(None, submitted(TICKET, time=datetime.fromtimestamp(0, UTC))).publish

    assert isinstance(outgoing.event.data, TicketOpened)
    assert outgoing.event.data.opened_at == NOW


def test_the_same_turn_again_gives_the_same_ids() -> None:
    first, again = after(None, submitted(TICKET)), after(None, submitted(TICKET))

    assert first.publish[0].event.id == again.publish[0].event.id


@pytest.mark.parametrize(
    ("data", "becomes"),
    [
        (MessageSubmitted(ticket="T-1", text="Still?", author="bo"), TicketMessageAdded(text="Still?", author="bo")),
        (StateSubmitted(ticket="T-1", state="closed", reason="done"), TicketClosed(reason="done")),
        (StateSubmitted(ticket="T-1", state="reopened", reason="no"), TicketReopened(text="no")),
        (StateSubmitted(ticket="T-1", state="withdrawn", reason="mine"), TicketWithdrawn(reason="mine")),
        (TICKET.model_copy(update={"text": "HTTP too."}), TicketEdited(subject="No access", text="HTTP too.")),
    ],
)
def test_what_follows_a_ticket_is_normalised(data: Payload, becomes: Payload) -> None:
    opened = after(None, submitted(TICKET))

    assert payloads(after(opened.state, submitted(data, "e2"))) == [becomes]


def test_a_ticket_that_comes_in_again_unchanged_says_nothing_new() -> None:
    opened = after(None, submitted(TICKET))

    assert payloads(after(opened.state, submitted(TICKET, "e2"))) == []


def test_an_edit_is_told_once() -> None:
    edit = TICKET.model_copy(update={"text": "HTTP too."})
    opened = after(None, submitted(TICKET))
    edited = after(opened.state, submitted(edit, "e2"))

    assert payloads(after(edited.state, submitted(edit, "e3"))) == []


def test_a_message_before_its_ticket_waits() -> None:
    with pytest.raises(NotYet, match="ticket T-1 of desk has not come in"):
        after(None, submitted(MessageSubmitted(ticket="T-1", text="And?")))


def test_a_message_that_overtook_its_ticket_in_one_turn_follows_it() -> None:
    step = after(None, submitted(MessageSubmitted(ticket="T-1", text="And?"), "e2"), submitted(TICKET))

    assert [type(data) for data in payloads(step)] == [TicketOpened, TicketMessageAdded]


def test_a_body_that_speaks_of_another_ticket_than_its_envelope_is_refused() -> None:
    with pytest.raises(Invalid, match="field ticket is 'T-2', ce_subject 'T-1'"):
        after(None, submitted(TICKET.model_copy(update={"ticket": "T-2"})))


def test_replies_are_kept_in_the_log_with_numbers_of_their_own() -> None:
    opened = after(None, submitted(TICKET))
    reply = of_case(ReplySent(kind=ReplyKind.ANSWER, text="Open port 22."), "r1")
    step = after(opened.state, reply)

    assert [(event.sequence, event.type) for event in (*opened.log, *step.log)] == [
        (1, TicketOpened.TYPE),
        (2, ReplySent.TYPE),
    ]


def test_status_owner_and_outcome_are_the_latest_that_was_told() -> None:
    ended = OutcomeReached(outcome=Outcome.FIXED, summary="Rule added.", independent=True)
    told = [OwnerChanged(owner="ada"), ended, StatusChanged(status=Status.RESOLVED)]
    step = after(None, submitted(TICKET), *(of_case(data, f"r{n}") for n, data in enumerate(told)))
    view = ticket.load(step.state)

    assert (view.status, view.owner, view.outcome) == (Status.RESOLVED, "ada", ended)
    assert step.label == "resolved"


def test_an_outcome_is_taken_back_when_work_goes_on() -> None:
    ended = OutcomeReached(outcome=Outcome.FIXED, summary="Rule added.", independent=True)
    resolved = after(
        None, submitted(TICKET), of_case(ended, "r1"), of_case(StatusChanged(status=Status.RESOLVED), "r2")
    )
    step = after(resolved.state, of_case(StatusChanged(status=Status.WORKING), "r3"))

    assert ticket.load(step.state).outcome is None


def test_an_opened_ticket_sets_a_timer_to_ask_again() -> None:
    [timer] = after(None, submitted(TICKET)).timers

    assert (timer.name, timer.after) == (asking.TIMER, FIRST)


def test_a_message_while_the_timer_runs_does_not_put_it_off() -> None:
    opened = after(None, submitted(TICKET))

    assert after(opened.state, submitted(MessageSubmitted(ticket="T-1", text="And?"), "e2")).timers == ()


def test_what_is_asked_again_is_the_same_event_marked_so() -> None:
    opened = after(None, submitted(TICKET))
    draft = Draft(opened.state, KEY, NOW)
    draft.ask_again(list(opened.log), FIRST)
    step = draft.step(FIRST)

    [first], [again] = opened.publish, step.publish
    assert again.event == first.event._replace(reasked=True)
    assert [(timer.name, timer.after) for timer in step.timers] == [(asking.TIMER, 2 * FIRST)]


def test_asking_again_grows_rarer_up_to_ten_minutes_and_never_ends() -> None:
    waits = [asking.delay(asked, FIRST).total_seconds() for asked in (0, 1, 2, 3, 10, 100_000)]

    assert waits == [15, 30, 60, 120, 600, 600]


def test_the_case_is_heard_of_by_any_reply_or_by_its_log() -> None:
    opened = after(None, submitted(TICKET))
    by_reply = after(opened.state, of_case(StatusChanged(status=Status.OPEN), "r1"))
    entry = of_case(opened.publish[0].event.data, "l1", causation=opened.publish[0].event.id)
    by_log = after(opened.state, entry)

    for step in (by_reply, by_log):
        assert ticket.load(step.state).unheard == {}
        assert [(timer.name, timer.after) for timer in step.timers] == [(asking.TIMER, None)]


def test_a_message_is_heard_of_only_when_the_log_shows_it() -> None:
    opened = after(None, submitted(TICKET), submitted(MessageSubmitted(ticket="T-1", text="And?"), "e2"))
    message = opened.publish[1].event
    replied = after(opened.state, of_case(StatusChanged(status=Status.OPEN), "r1"))
    logged = after(replied.state, of_case(message.data, "l2", causation=message.id))

    assert list(ticket.load(replied.state).unheard) == [message.id]
    assert ticket.load(logged.state).unheard == {}


def test_a_view_that_was_lost_comes_back_from_the_case_s_log() -> None:
    opened = after(None, submitted(TICKET)).publish[0].event
    step = after(None, of_case(opened.data, "l1", causation=opened.id))
    view = ticket.load(step.state)

    assert (view.ticket, view.customer, view.opened) == ("T-1", "c-7", True)


def test_a_ticket_that_went_out_before_the_database_was_put_back_is_known_again() -> None:
    first = after(None, submitted(TICKET))
    edit = TicketSubmitted(ticket="T-1", customer="c-7", subject="No access", text="Port 22, to be exact.")
    second = after(first.state, submitted(edit, "e2"))
    went_out = [each.event._replace(past=Past.SAID) for each in (*first.publish, *second.publish)]

    draft = Draft(None, KEY, NOW)
    for event in went_out:
        draft.recall(event)
    draft.take_in(submitted(TICKET))
    draft.take_in(submitted(edit, "e2"))
    step = draft.step(FIRST)

    assert ticket.load(step.state) == ticket.load(second.state)
    assert [row.id for row in step.log] == [row.id for row in (*first.log, *second.log)]
    assert [each.event for each in step.publish] == [each.event for each in (*first.publish, *second.publish)]


def test_what_the_log_of_a_database_that_was_put_back_has_is_not_taken_in_again() -> None:
    first = after(None, submitted(TICKET))
    note = MessageSubmitted(ticket="T-1", text="hello?", author="c-7")
    second = after(first.state, submitted(note, "e2"))
    known = {row.id for row in (*first.log, *second.log)}

    draft = Draft(second.state, KEY, NOW, known=known)
    for each in (*first.publish, *second.publish):
        draft.recall(each.event._replace(past=Past.SAID))
    draft.take_in(submitted(note, "e2"))

    assert (draft.step(FIRST).publish, draft.step(FIRST).log) == ((), ())
