from datetime import timedelta
from pathlib import Path

import pytest

from aivis.errors import Conflict, Transient
from aivis.toolkit.journal import Record, SqliteJournal, State, Use

USE = Use("acme", "key-1", "shelf.lend", "digest-1")


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def journal(tmp_path: Path, clock: Clock) -> SqliteJournal:
    return SqliteJournal(tmp_path / "deep" / "journal.db", clock)


def test_a_new_key_has_no_record_and_is_started(journal: SqliteJournal, clock: Clock) -> None:
    assert journal.begin(USE) is None
    assert journal.find("acme", "key-1") == Record(USE, State.STARTED, clock.seconds, b"")


def test_a_result_outlives_the_process(journal: SqliteJournal, tmp_path: Path, clock: Clock) -> None:
    journal.begin(USE)
    journal.finish(USE, b'{"done":true}')
    journal.close()
    again = SqliteJournal(tmp_path / "deep" / "journal.db", clock)
    found = again.begin(USE)
    assert found is not None
    assert (found.state, found.result) == (State.DONE, b'{"done":true}')
    assert again.find("acme", "key-1") == found


@pytest.mark.parametrize(
    "other", [Use("acme", "key-1", "shelf.lend", "digest-2"), Use("acme", "key-1", "shelf.buy", "digest-1")]
)
@pytest.mark.parametrize("ended", ["started", "done", "nothing"])
def test_a_key_stands_for_one_use_however_it_ended(journal: SqliteJournal, other: Use, ended: str) -> None:
    journal.begin(USE)
    if ended == "done":
        journal.finish(USE, b"{}")
    if ended == "nothing":
        journal.nothing(USE)
    with pytest.raises(Conflict, match=r"shelf\.lend"):
        journal.begin(other)


def test_tenants_do_not_share_keys(journal: SqliteJournal) -> None:
    journal.begin(USE)
    journal.finish(USE, b"secret")
    theirs = Use("globex", "key-1", "shelf.lend", "digest-1")
    assert journal.find("globex", "key-1") is None
    assert journal.begin(theirs) is None
    assert journal.find("globex", "key-1") != journal.find("acme", "key-1")


def test_the_first_note_stays(journal: SqliteJournal) -> None:
    journal.begin(USE)
    assert journal.keep(USE, None) is None
    assert journal.keep(USE, b"first") == b"first"
    journal.begin(USE)
    assert journal.keep(USE, b"second") == b"first"
    assert journal.keep(USE, None) == b"first"


def test_when_nothing_was_done_the_note_is_forgotten(journal: SqliteJournal) -> None:
    journal.begin(USE)
    journal.keep(USE, b"first")
    journal.nothing(USE)
    journal.begin(USE)
    assert journal.keep(USE, b"second") == b"second"


def test_old_keys_are_forgotten_and_young_ones_kept(journal: SqliteJournal, clock: Clock) -> None:
    journal.begin(USE)
    clock.seconds += 3600
    journal.begin(Use("acme", "key-2", "shelf.lend", "digest-1"))
    assert journal.forget(timedelta(minutes=30)) == 1
    assert journal.find("acme", "key-1") is None
    assert journal.find("acme", "key-2") is not None


def test_a_journal_that_cannot_be_written_says_so_and_that_nothing_was_done(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(Transient, match="journal"):
        SqliteJournal(tmp_path / "file" / "journal.db", clock)
