"""The command line as the README has it tried by hand."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from typer.testing import CliRunner, Result

from aivis import identity
from aivis.cli.client import Client
from aivis.cli.embedded import Run
from aivis.cli.main import app
from aivis.cli.shell import console
from aivis.errors import NotFound
from aivis.events.envelope import Record
from aivis.events.tickets import TicketSubmitted
from tests.integration.services.broker import publish

DOMAIN = Path("domains/cloud").resolve()
_CODE = "from aivis.cli.main import app; app()"


def told(*arguments: str) -> Result:
    console.width = 200
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a stack that runs, with a cloud to practise on."""
    home = tmp_path_factory.mktemp("by-hand")
    log = home / "output.log"
    with log.open("wb") as out:
        argv = [sys.executable, "-c", _CODE, "up", "--practice", "--folder", str(home), "--domain", str(DOMAIN)]
        process = subprocess.Popen(argv, stdout=out, stderr=out)
    try:
        _until(lambda: "Next: aivis submit" in log.read_text(), log)
        yield home
    finally:
        process.terminate()
        process.wait(20)
    assert not (home / "run.json").exists(), "what does not run any more is not said to run"


def _until(holds: Callable[[], bool], log: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)


def test_tickets_of_the_practice_cloud_are_handed_in_and_solved(folder: Path) -> None:
    few = folder / "few.jsonl"
    few.write_bytes(b"".join((folder / "tickets.jsonl").read_bytes().splitlines(keepends=True)[:4]))
    answer = told("submit", str(few), "--folder", str(folder))
    assert answer.exit_code == 0, answer.output
    assert [line.split(":")[0] for line in answer.output.splitlines()] == ["1", "2", "3", "4"]
    _until(lambda: told("cases", "--folder", str(folder)).output.count("fixed") == 4, folder / "output.log")


def test_the_key_figures_are_shown_with_what_they_are_shares_of(folder: Path) -> None:
    shown = told("figures", "--folder", str(folder)).output
    assert "independent resolution rate" in shown
    assert "of the cases that ended" in shown
    assert '"ended"' in told("figures", "--json", "--folder", str(folder)).output


def test_a_file_with_a_bad_line_is_not_sent_at_all(folder: Path, tmp_path: Path) -> None:
    api = Client(Run.read(folder))
    before = len(api.cases())
    file = tmp_path / "tickets.jsonl"
    for bad, says in (
        ('{"customer": "mia"}', "line 2: field text: Field required; nothing was sent"),
        ("[1]", "line 2: not a JSON object; nothing was sent"),
        ("{", "line 2: not JSON"),
    ):
        file.write_text('{"customer": "mia", "text": "i-1 is down"}\n' + bad + "\n")
        answer = told("submit", str(file), "--folder", str(folder))
        assert answer.exit_code == 1
        assert says in answer.output
    assert len(api.cases()) == before


def test_an_empty_file_is_said_to_be_one(tmp_path: Path) -> None:
    (tmp_path / "none.jsonl").write_text("\n")
    answer = told("submit", str(tmp_path / "none.jsonl"), "--folder", str(tmp_path))
    assert answer.exit_code == 1
    assert "no tickets in it" in answer.output


def test_documents_are_ingested_with_what_their_front_matter_says_and_found(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "night.md").write_text("---\ntitle: The night watch\n---\nThe lamplighter sleeps at noon.\n")
    assert "1 documents" in told("ingest", str(tmp_path), "--folder", str(folder)).output
    search = ("search", "when does the lamplighter sleep", "--folder", str(folder))
    _until(lambda: "The night watch" in told(*search).output, folder / "output.log")


def test_of_a_folder_with_a_file_that_cannot_be_read_nothing_is_ingested(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# The tide\nThe harbour master counts gulls.\n")
    (tmp_path / "b.md").write_bytes(b"# Gr\xfc\xdfe\n")
    answer = told("ingest", str(tmp_path), "--folder", str(folder))
    assert answer.exit_code == 1
    assert f"{tmp_path / 'b.md'}: not UTF-8 at byte 4: save it as UTF-8" in answer.output


def test_a_freeze_is_set_listed_and_thawed(folder: Path) -> None:
    where = ("--folder", str(folder))
    set_ = told("stop", "freeze", "2126-12-24T18:00+01:00", "the quarter is closed", "--tool", "cloud.reboot", *where)
    assert set_.exit_code == 0, set_.output
    assert "the quarter is closed" in told("stop", "list", *where).output
    (shown,) = httpx.get(f"{Run.read(folder).executor}/v1/freezes").json()["freezes"]
    thawed = told("stop", "thaw", shown["id"], *where)
    assert (thawed.exit_code, "nothing is stopped" in thawed.output) == (0, True)


@pytest.mark.parametrize(
    ("when", "says"),
    [("tomorrow", "field ends"), ("2126-12-24T18:00", "timezone"), ("2020-01-01T00:00Z", "is over already")],
)
def test_a_freeze_that_makes_no_sense_is_refused_with_the_reason(folder: Path, when: str, says: str) -> None:
    answer = told("stop", "freeze", when, "because", "--folder", str(folder))
    assert answer.exit_code == 1
    assert says in answer.output


def test_a_submission_that_cannot_be_read_is_with_an_expert_and_in_the_operator_s_hands(folder: Path) -> None:
    run = Run.read(folder)
    head = {"id": "e-1", "type": TicketSubmitted.TYPE, "source": "desk", "subject": "T-bad", "tenant": run.tenant}
    headers = tuple((f"ce_{name}", value.encode()) for name, value in head.items())
    key = f"{run.tenant}/T-bad".encode()
    asyncio.run(publish(run.kafka, [Record("aivis.intake.desk", key, headers, b'{"ticket": "T-bad"}')]))

    def dead(*arguments: str) -> Result:
        return told("dead", *arguments, "--folder", str(folder))

    filters = ("--service", "gateway", "--reason", "field customer", "--json")
    _until(lambda: len(orjson.loads(dead("list", *filters).stdout)) == 1, folder / "output.log")
    [letter] = orjson.loads(dead("list", *filters).stdout)
    assert letter["key"] == identity.case_id(run.tenant, "desk", "T-bad")

    api = Client(run)
    known = f"/v1/escalations/{letter['key']}"
    _until(lambda: bool(_found(lambda: api.get(run.escalation, known))), folder / "output.log")
    case = api.get(run.escalation, known)
    assert case["place"] == "open"
    assert "field customer: Field required" in case["escalation"]["summary"]["problem"]

    answer = dead("retry", letter["name"])
    assert answer.exit_code == 1
    assert "buried again as gateway/" in answer.stdout
    assert "dropped for good" in dead("drop", *filters[:4], "--yes").stdout
    assert orjson.loads(dead("list", *filters).stdout) == []


def _found(ask: Callable[[], Any]) -> Any:
    try:
        return ask()
    except NotFound:
        return None
