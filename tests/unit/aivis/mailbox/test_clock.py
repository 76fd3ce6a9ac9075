"""The database's clock, as its processes know it."""

from datetime import UTC, datetime, timedelta

from aivis.mailbox.clock import DatabaseClock

BEGIN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Machine:
    """A machine whose clock may be set."""

    def __init__(self) -> None:
        self.elapsed = 500.0
        self.shows = BEGIN
        self.clock = DatabaseClock(elapsed=lambda: self.elapsed, begin=lambda: self.shows)

    def pass_time(self, seconds: float) -> None:
        self.elapsed += seconds
        self.shows += timedelta(seconds=seconds)


def test_a_step_of_the_machines_clock_is_no_step_of_the_databases() -> None:
    machine = Machine()
    machine.shows += timedelta(minutes=10)
    machine.pass_time(5)
    assert machine.clock.now() == BEGIN + 5 * SECOND


def test_what_the_database_says_counts_whatever_the_machine_shows() -> None:
    machine = Machine()
    machine.clock.told(BEGIN - timedelta(minutes=10), took=0.01)
    machine.pass_time(2)
    assert machine.clock.now() == BEGIN - timedelta(minutes=10) + 2 * SECOND


def test_what_asking_took_moves_no_time() -> None:
    machine = Machine()
    machine.pass_time(4)
    before = machine.clock.now()
    machine.clock.told(before - 3 * SECOND, took=3)
    assert machine.clock.now() == before
    machine.clock.told(before - 4 * SECOND, took=3)
    assert machine.clock.now() == before - 4 * SECOND
