"""The bare group commit does the work that it is the limit of: work measured and not done would be a false limit."""

import sqlite3
from pathlib import Path

from benchmarks.hop.group_commit import Sqlite, cpu_per_job, jobs


async def test_every_job_leaves_its_inbox_row_its_key_moved_on_and_two_outbox_rows(tmp_path: Path) -> None:
    store, work = Sqlite(tmp_path / "bare.db"), jobs("test", 120)
    await store.open()
    try:
        await store.prepare(work)
        assert await cpu_per_job(store.commit, work) > 0
    finally:
        await store.close()
    with sqlite3.connect(tmp_path / "bare.db") as found:
        assert found.execute("select count(*) from bench_inbox").fetchone() == (120,)
        assert found.execute("select count(*) from bench_keys where version = 1").fetchone() == (120,)
        assert found.execute("select count(*) from bench_outbox").fetchone() == (240,)
    found.close()


async def test_a_job_whose_fence_does_not_fit_puts_nothing_out(tmp_path: Path) -> None:
    store, work = Sqlite(tmp_path / "bare.db"), jobs("test", 3)
    await store.open()
    try:
        await store.prepare(work[:1])
        await store.commit(work)
    finally:
        await store.close()
    with sqlite3.connect(tmp_path / "bare.db") as found:
        assert found.execute("select count(*) from bench_outbox").fetchone() == (2,)
    found.close()
