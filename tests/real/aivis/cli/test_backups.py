"""`aivis backup` and `aivis restore` on SQLite: what they make, and what they refuse.

They need no server, and stand here because the disk makes them slow: `make test` is to stay under ten minutes.
"""

import asyncio
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path

import orjson
import pytest
from typer.testing import CliRunner, Result

from aivis.cli.backups import look
from aivis.cli.embedded import SERVICES
from aivis.cli.main import app
from aivis.mailbox.stores.sqlite.store import SqliteStore
from aivis.mailbox.values import Arrival, Key, Restoration

CONTENT = b"a large result"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})


def waiting(folder: Path, service: str) -> int:
    with closing(sqlite3.connect(folder / "state" / f"{service}.db")) as connection:
        return int(connection.execute("select count(*) from inbox").fetchone()[0])


def restoration(folder: Path, service: str) -> Restoration | None:
    async def read() -> Restoration | None:
        store = SqliteStore(folder / "state" / f"{service}.db")
        await store.open()
        try:
            return await store.restoration()
        finally:
            await store.close()

    return asyncio.run(read())


async def receive(folder: Path, *ids: str) -> None:
    for service in SERVICES:
        store = SqliteStore(folder / "state" / f"{service}.db")
        await store.open()
        await store.receive([Arrival(id, Key("acme", "a"), "t", (), b"{}") for id in ids])
        await store.close()


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    """A folder as a stack leaves it behind: one message in each inbox, and an artifact."""
    folder = tmp_path / "stack"
    asyncio.run(receive(folder, "m1"))
    digest = hashlib.sha256(CONTENT).hexdigest()
    artifact = folder / "artifacts" / "acme" / digest[:2] / digest
    artifact.parent.mkdir(parents=True)
    artifact.write_bytes(CONTENT)
    return folder


@pytest.fixture
def backup(stack: Path, tmp_path: Path) -> Path:
    made = run("backup", tmp_path / "backup", "--folder", stack)
    assert made.exit_code == 0, made.output
    assert "6 databases, 1 artifacts, checked" in made.output
    return tmp_path / "backup"


def test_databases_are_put_back_and_know_it(stack: Path, backup: Path) -> None:
    asyncio.run(receive(stack, "m2"))
    (artifact,) = (stack / "artifacts").glob("*/*/*")
    artifact.unlink()
    done = run("restore", backup, "--folder", stack, "--yes")
    assert done.exit_code == 0, done.output
    assert [waiting(stack, service) for service in SERVICES] == [1] * len(SERVICES)
    marks = [restoration(stack, service) for service in SERVICES]
    assert all(mark is not None and mark.whole is None for mark in marks)
    assert artifact.read_bytes() == CONTENT
    assert len([*(stack / "state").glob("*.before-*")]) == len(SERVICES), "what was there is kept"


def test_one_services_database_alone_is_put_back(stack: Path, backup: Path) -> None:
    asyncio.run(receive(stack, "m2"))
    assert run("restore", backup, "--folder", stack, "--yes", "--service", "executor").exit_code == 0
    assert (waiting(stack, "executor"), waiting(stack, "reasoner")) == (1, 2)
    assert restoration(stack, "reasoner") is None


def test_whenever_it_ends_every_database_is_there(stack: Path, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old one, or the new one that knows that it is restored."""
    asyncio.run(receive(stack, "m2"))
    steps = 0

    def step(real: Callable[..., object]) -> Callable[..., object]:
        def counted(*paths: object, **more: object) -> object:
            nonlocal steps
            steps += 1
            if steps > last:
                raise KeyboardInterrupt
            return real(*paths, **more)

        return counted

    for target, name in ((shutil, "move"), (os, "link"), (Path, "replace"), (Path, "rename"), (Path, "unlink")):
        monkeypatch.setattr(target, name, step(getattr(target, name)))
    for last in range(3 * len(SERVICES)):
        steps = 0
        assert run("restore", backup, "--folder", stack, "--yes").exit_code != 0
        for service in SERVICES:
            assert (waiting(stack, service) == 1) == (restoration(stack, service) is not None), (last, service)


def test_a_backup_can_be_made_while_a_service_writes(stack: Path, tmp_path: Path) -> None:
    async def meanwhile() -> Result:
        store = SqliteStore(stack / "state" / "executor.db")
        await store.open()
        await store.receive([Arrival("m2", Key("acme", "a"), "t", (), b"{}")])
        made = await asyncio.to_thread(run, "backup", tmp_path / "backup", "--folder", stack)
        await store.close()
        return made

    assert asyncio.run(meanwhile()).exit_code == 0
    with closing(sqlite3.connect(tmp_path / "backup" / "state" / "executor.db")) as connection:
        assert connection.execute("select count(*) from inbox").fetchone() == (2,)


@pytest.mark.parametrize("marking", [False, True], ids=["restore", "mark"])
def test_while_a_service_runs_its_database_is_left_alone(stack: Path, backup: Path, marking: bool) -> None:
    async def meanwhile() -> Result:
        store = SqliteStore(stack / "state" / "executor.db")
        await store.open()
        what = ["--mark"] if marking else [backup, "--yes"]
        refused = await asyncio.to_thread(run, "restore", *what, "--folder", stack)
        await store.close()
        return refused

    refused = asyncio.run(meanwhile())
    assert refused.exit_code == 1
    assert "executor.db is in use: its service runs; stop it, then restore" in refused.output
    assert restoration(stack, "gateway") is None


def test_a_backup_that_was_changed_is_refused(stack: Path, backup: Path) -> None:
    with closing(sqlite3.connect(backup / "state" / "executor.db")) as connection:
        connection.execute("delete from inbox")
        connection.commit()
    refused = run("restore", backup, "--folder", stack, "--yes")
    assert refused.exit_code == 1
    assert "is not as the manifest says" in refused.output
    assert waiting(stack, "gateway") == 1


def test_a_backup_that_was_not_finished_is_none(stack: Path, backup: Path) -> None:
    (backup / "manifest.json").unlink()
    refused = run("restore", backup, "--folder", stack, "--yes")
    assert (refused.exit_code, "no backup, or one that was not finished" in refused.output) == (1, True)


def test_a_damaged_artifact_is_found_when_the_backup_is_made(stack: Path, tmp_path: Path) -> None:
    (artifact,) = (stack / "artifacts").glob("*/*/*")
    artifact.write_bytes(b"something else")
    refused = run("backup", tmp_path / "backup", "--folder", stack)
    assert (refused.exit_code, "is damaged" in refused.output) == (1, True)
    assert not (tmp_path / "backup" / "manifest.json").exists()


def test_a_database_of_a_later_version_is_refused_and_nothing_is_put_back(stack: Path, backup: Path) -> None:
    path = backup / "state" / "gateway.db"
    with closing(sqlite3.connect(path)) as connection:
        number = connection.execute("select max(number) from migrations").fetchone()[0]
        for ahead in (number + 1, number + 2):
            connection.execute(
                "insert into migrations (store, number, name, sha256, needs) values ('mailbox', ?, ?, 'x', ?)",
                (ahead, f"{ahead:04}_later.sql", ahead),
            )
        connection.commit()
    manifest = orjson.loads((backup / "manifest.json").read_bytes())
    for place, kept in enumerate(manifest["databases"]):
        if kept["file"] == "state/gateway.db":
            found = look(backup, kept["file"], datetime.fromisoformat(kept["at"]))
            manifest["databases"][place] = found.model_dump(mode="json")
    (backup / "manifest.json").write_bytes(orjson.dumps(manifest))
    asyncio.run(receive(stack, "m2"))
    refused = run("restore", backup, "--folder", stack, "--yes")
    assert refused.exit_code == 1
    assert "start a version that knows" in refused.output
    assert [waiting(stack, service) for service in SERVICES] == [2] * len(SERVICES)


def test_a_folder_that_is_not_empty_takes_no_backup(stack: Path, backup: Path) -> None:
    refused = run("backup", backup, "--folder", stack)
    assert (refused.exit_code, "is not empty" in refused.output) == (1, True)


def test_postgresql_has_means_of_its_own(tmp_path: Path) -> None:
    environment = {"AIVIS_DATABASE": "postgresql://nobody@127.0.0.1/none", "COLUMNS": "200"}
    refused = CliRunner().invoke(app, ["backup", str(tmp_path / "backup")], env=environment)
    assert (refused.exit_code, "pg_dump" in refused.output) == (1, True)
