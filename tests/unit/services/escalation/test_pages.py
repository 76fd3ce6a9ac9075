from datetime import timedelta

import pytest

from aivis.events import escalations
from aivis.events.actions import ActionFinished, ApprovalGranted, FailureKind, Purpose
from aivis.events.envelope import Event, Payload
from services.escalation.pages.rendering import as_json, duration, visible
from services.escalation.sessions import begin, form_is_ours, form_token, resume
from services.escalation.timeline import can_be_judged, timeline
from tests.unit.services.escalation.cases import ASKED, BEGIN, ESCALATED, OPENED, at, decision, failed, finished, said

SECRET = b"s" * 32
HOUR = timedelta(hours=1)


def test_a_session_lasts_until_its_time_is_over() -> None:
    session = begin("Ada Ö", now=BEGIN, lasts=HOUR, secret=SECRET)

    assert resume(session.token, now=at(3599), secret=SECRET) == session
    assert resume(session.token, now=at(3600), secret=SECRET) is None


@pytest.mark.parametrize("token", ["", ".", "x.y", "MTcgYWRh.0", "=.=", "ä.ö"])
def test_a_forged_session_is_none(token: str) -> None:
    assert resume(token, now=BEGIN, secret=SECRET) is None


def test_a_session_of_another_secret_is_none() -> None:
    session = begin("ada", now=BEGIN, lasts=HOUR, secret=b"t" * 32)

    assert resume(session.token, now=BEGIN, secret=SECRET) is None


def test_a_form_belongs_to_one_session() -> None:
    mine = begin("ada", now=BEGIN, lasts=HOUR, secret=SECRET)
    theirs = begin("bob", now=BEGIN, lasts=HOUR, secret=SECRET)

    assert form_is_ours(form_token(mine, SECRET), mine, SECRET)
    assert not form_is_ours(form_token(theirs, SECRET), mine, SECRET)
    assert not form_is_ours("", mine, SECRET)


def test_what_the_eye_cannot_see_is_shown() -> None:
    assert visible("ok\u202ekcatta\u200b\x00\n") == "ok\\u202ekcatta\\u200b\\u0000\n"
    assert "\\u202e" in visible(as_json({"a": "\u202e"}))


def test_a_text_without_end_is_cut_and_says_so() -> None:
    assert visible("x" * 20_005).endswith("… 5 more characters")


def test_durations_are_short() -> None:
    assert [duration(seconds) for seconds in (None, 0, 0.25, 59, 90, 7200, 200_000)] == [
        "–", "0 s", "0.2 s", "59 s", "2 min", "2 h", "2 d",
    ]  # fmt: skip


def log() -> list[Event]:
    payloads = [
        OPENED,
        decision("a1", Purpose.REMEDY),
        ActionFinished(action="a1", tool="t", result={"x": 1}, seconds=2),
    ]
    return [said(data, place, sequence=place + 1, id=f"e{place}") for place, data in enumerate(payloads)]


def test_a_call_is_shown_with_its_result() -> None:
    steps = timeline(log())

    assert [step.kind for step in steps] == ["customer", "agent"]
    assert (steps[1].calls[0].state, steps[1].calls[0].result) == ("done", {"x": 1})


def test_what_nobody_asked_for_is_no_call() -> None:
    assert timeline([said(finished("stranger"), 1, sequence=1)]) == []


@pytest.mark.parametrize(
    ("event", "state"),
    [(failed("a1", FailureKind.REFUSED), "failed"), (ASKED.model_copy(update={"action": "a1"}), "waits")],
)
def test_a_call_says_how_far_it_is(event: Payload, state: str) -> None:
    steps = timeline([*log()[:2], said(event, 3, sequence=3)])

    assert steps[1].calls[0].state == state


def test_experts_words_are_in_the_timeline() -> None:
    grant = ApprovalGranted(action="a1", digest="d", expert="ada", expires_at=BEGIN)
    words = [escalations.GuidanceGiven(expert="ada", text="go", inputs={"port": 22}), grant]
    steps = timeline([said(data, place, sequence=place + 1) for place, data in enumerate(words)])

    assert [(step.kind, step.title) for step in steps] == [
        ("expert", "ada guided the agent"),
        ("expert", "ada approved action a1"),
    ]


@pytest.mark.parametrize(("about", "can"), [("e1", True), ("a1", True), ("esc-1", True), ("x", False)])
def test_only_what_the_case_has_can_be_judged(about: str, can: bool) -> None:
    assert can_be_judged([*log(), said(ESCALATED, 4, sequence=4)], about) is can
