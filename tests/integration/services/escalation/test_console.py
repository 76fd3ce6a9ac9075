import re
from html import escape

import pytest

from aivis.events.envelope import Payload
from aivis.events.escalations import CaseOverdue, Summary
from aivis.events.replies import OwnerChanged
from services.escalation.server.console import COOKIE
from tests.integration.services.working import Working
from tests.unit.services.escalation.cases import ASKED, CASE, ESCALATED, OPENED, UNSETTLED, at, said

PAGE = f"/cases/{CASE}"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7777*7 }}\u202egnp.exe'


async def sign_in(escalation: Working, key: str = "ada-key") -> None:
    answer = await escalation.http.post("/login", data={"key": key, "next": "/queue"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/queue")


async def form_of(escalation: Working, page: str = PAGE) -> dict[str, str]:
    """The hidden fields that a form of the page carries."""
    text = (await escalation.http.get(page)).text
    return {name: re.search(rf'name="{name}" value="([^"]+)"', text)[1] for name in ("form_token", "nonce")}  # type: ignore[index]


async def deliver(escalation: Working, *waiting: Payload) -> None:
    far = ASKED.model_copy(update={"expires_at": ASKED.expires_at.replace(year=2126)})
    await escalation.deliver(said(OPENED, 0, sequence=1))
    await escalation.deliver(
        *(said(data, place) for place, data in enumerate(waiting or (ESCALATED, far, UNSETTLED), 2))
    )


@pytest.mark.parametrize("path", ["/", "/queue", PAGE])
async def test_nobody_sees_a_page_without_signing_in(escalation: Working, path: str) -> None:
    answer = await escalation.http.get(path, follow_redirects=True)

    assert answer.url.path == "/login"
    assert "T-1" not in answer.text


@pytest.mark.parametrize("key", ["", "nonsense", "desk-key"])
async def test_a_wrong_key_opens_nothing(escalation: Working, key: str) -> None:
    answer = await escalation.http.post("/login", data={"key": key})

    assert answer.status_code == 401
    assert COOKIE not in answer.cookies


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
async def test_signing_in_leads_to_no_other_site(escalation: Working, target: str) -> None:
    answer = await escalation.http.post("/login", data={"key": "ada-key", "next": target})

    assert answer.headers["location"] == "/queue"


async def test_the_session_cookie_is_out_of_reach_and_is_not_the_key(escalation: Working) -> None:
    answer = await escalation.http.post("/login", data={"key": "ada-key"})
    cookie = answer.headers["set-cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "ada-key" not in cookie


async def test_the_queue_and_the_case_say_what_is_overdue(escalation: Working) -> None:
    await deliver(escalation, ESCALATED, CaseOverdue(about="esc-1", since=at(2), times=3))
    await sign_in(escalation)

    assert "overdue since 2026-03-01 09:00:02 UTC, said 3 times" in (await escalation.http.get("/queue")).text
    assert "overdue since 2026-03-01 09:00:02 UTC" in (await escalation.http.get(PAGE)).text


async def test_hostile_words_stay_words_on_every_page(escalation: Working) -> None:
    opened = OPENED.model_copy(update={"subject": HOSTILE, "text": HOSTILE, "customer": HOSTILE, "ticket": HOSTILE})
    handed = ESCALATED.model_copy(update={"summary": Summary(problem=HOSTILE, known=(HOSTILE,)), "skill": HOSTILE})
    asked = ASKED.model_copy(update={"arguments": {HOSTILE: {"x": HOSTILE}}, "tool": HOSTILE, "reason": HOSTILE})
    await escalation.deliver(said(opened, 0, sequence=1), said(OwnerChanged(owner=HOSTILE), 1, sequence=2))
    await escalation.deliver(said(handed, 2), said(asked, 3))
    await sign_in(escalation)
    for page in ("/queue", PAGE):
        answer = await escalation.http.get(page)
        assert answer.status_code == 200
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "54439" not in answer.text
        assert "\u202e" not in answer.text
        assert escape("<script>alert(1)</script>") in answer.text
        assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_an_expert_works_through_the_forms(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    page = (await escalation.http.get(PAGE)).text
    assert "203.0.113.9" in page
    assert "Port 22 stays closed." in page

    approved = await escalation.http.post(
        "/actions/act-9/approve", data={**await form_of(escalation), "digest": ASKED.digest}
    )
    settled = await escalation.http.post(
        "/actions/act-8/settle", data={**await form_of(escalation), "happened": "false", "note": "still up"}
    )
    guided = await escalation.http.post(
        f"{PAGE}/guide",
        data={**await form_of(escalation), "text": "Look at the ACL.", "module": "", "inputs": "port = 22\n"},
    )
    await escalation.quiet()

    assert [answer.status_code for answer in (approved, settled, guided)] == [303, 303, 303]
    assert [event.type for event in escalation.shelf.on("aivis.approvals")] == [
        "aivis.approval.granted",
        "aivis.action.settled",
    ]
    [guidance] = escalation.shelf.on("aivis.guidance")
    assert guidance.data.model_dump(include={"text", "inputs", "expert"}) == {
        "text": "Look at the ACL.",
        "inputs": {"port": "22"},
        "expert": "ada",
    }


async def test_a_form_sent_twice_counts_once(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    form = {**await form_of(escalation), "text": "Look at the ACL."}
    answers = [await escalation.http.post(f"{PAGE}/guide", data=form) for _ in range(2)]
    await escalation.quiet()

    assert [answer.status_code for answer in answers] == [303, 303]
    assert len(escalation.shelf.on("aivis.guidance")) == 1


async def test_a_refusal_is_shown_on_the_case_s_page(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    wrong = await escalation.http.post("/actions/act-9/approve", data={**await form_of(escalation), "digest": "e" * 64})
    empty = await escalation.http.post(f"{PAGE}/guide", data={**await form_of(escalation), "text": " "})
    lines = await escalation.http.post(f"{PAGE}/guide", data={**await form_of(escalation), "text": "x", "inputs": "a"})

    assert [answer.status_code for answer in (wrong, empty, lines)] == [409, 422, 422]
    assert "not the parameters that wait" in wrong.text
    assert "write name = value" in lines.text


@pytest.mark.parametrize("token", ["", "forged"])
async def test_a_form_without_the_session_s_token_does_nothing(escalation: Working, token: str) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    answer = await escalation.http.post(f"{PAGE}/guide", data={"text": "x", "form_token": token})

    assert answer.status_code == 403
    assert escalation.shelf.events == []


async def test_a_form_of_another_site_does_nothing(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    form = {**await form_of(escalation), "text": "x"}
    answer = await escalation.http.post(f"{PAGE}/guide", data=form, headers={"sec-fetch-site": "cross-site"})

    assert answer.status_code == 403


async def test_a_form_without_a_session_leads_to_signing_in(escalation: Working) -> None:
    await deliver(escalation)
    answer = await escalation.http.post(f"{PAGE}/guide", data={"text": "x"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/queue")


async def test_signing_out_ends_the_session(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    await escalation.http.post("/logout", data=await form_of(escalation))

    assert (await escalation.http.get("/queue")).status_code == 303


async def test_an_expert_s_pages_show_no_other_tenant(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation, "eve-key")

    assert "T-1" not in (await escalation.http.get("/queue")).text
    assert (await escalation.http.get(PAGE)).status_code == 404


async def test_every_place_of_the_queue_has_its_page(escalation: Working) -> None:
    await deliver(escalation)
    await sign_in(escalation)
    shown = {place: "T-1" in (await escalation.http.get(f"/queue?place={place}")).text
             for place in ("open", "taken", "quiet", "ended", "nonsense")}  # fmt: skip

    assert shown == {"open": True, "taken": False, "quiet": False, "ended": False, "nonsense": True}
