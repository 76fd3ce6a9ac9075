"""The life cycle on a small real server: Python's own HTTP server."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.servers import lifecycle, ports, records
from deploy.servers.launches import Launch, Ports, Say, Server
from deploy.servers.lifecycle import NotStarted, down, remove, up
from deploy.servers.places import Places
from deploy.servers.prerequisites import Missing
from deploy.servers.processes import Command, Process, alive, born, stop

_SERVES = (
    "import http.server, sys; http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), None).serve_forever()"
)


def nothing(places: Places) -> None:
    """Nothing is missing."""


def kept(places: Places, say: Say) -> None:
    """Nothing to fetch."""


def launch(places: Places, chosen: Ports) -> Launch:
    return Launch(
        Command([sys.executable, "-c", _SERVES, str(chosen[0])], places.of("small")),
        ready=lambda: ports.answers(chosen[0]),
        environment={"AIVIS_TEST_SMALL": f"127.0.0.1:{chosen[0]}"},
    )


SMALL = Server("small", 1, nothing, kept, launch)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Places]:
    made = Places(tmp_path / "state", tmp_path / "cache")
    yield made
    down(made, [SMALL], [SMALL])


def record(here: Places) -> records.Record:
    found = records.running(here, "small")
    assert found is not None
    return found


def test_up_writes_the_address_where_tests_look_for_it(here: Places) -> None:
    up(here, [SMALL], [SMALL])
    assert here.env.read_text() == f"AIVIS_TEST_SMALL=127.0.0.1:{record(here).ports[0]}\n"


def test_a_second_up_keeps_the_running_server(here: Places) -> None:
    up(here, [SMALL], [SMALL])
    first = record(here)
    up(here, [SMALL], [SMALL])
    assert record(here) == first


def test_a_server_that_was_killed_comes_back_on_its_port(here: Places) -> None:
    up(here, [SMALL], [SMALL])
    first = record(here)
    os.kill(first.process.pid, signal.SIGKILL)
    os.waitpid(first.process.pid, 0)
    up(here, [SMALL], [SMALL])
    assert record(here).process != first.process
    assert record(here).ports == first.ports


def test_a_server_whose_port_was_taken_meanwhile_comes_back_on_another(here: Places) -> None:
    up(here, [SMALL], [SMALL])
    first = record(here)
    down(here, [SMALL], [SMALL])
    thief = Command([sys.executable, "-c", _SERVES, str(first.ports[0])], here.state).start(here.state / "thief")
    try:
        lifecycle._wait(launch(here, first.ports), thief)
        up(here, [SMALL], [SMALL])
        assert record(here).ports != first.ports
    finally:
        stop(thief, ask=signal.SIGTERM, seconds=5)


def test_two_clones_do_not_meet(here: Places, tmp_path: Path) -> None:
    other = Places(tmp_path / "other", here.cache)
    up(here, [SMALL], [SMALL])
    up(other, [SMALL], [SMALL])
    try:
        assert record(other).ports != record(here).ports
    finally:
        down(other, [SMALL], [SMALL])
    assert alive(record(here).process)


def test_down_ends_the_server_and_forgets_its_address(here: Places) -> None:
    up(here, [SMALL], [SMALL])
    process = record(here).process
    down(here, [SMALL], [SMALL])
    assert not alive(process)
    assert here.env.read_text() == ""


def test_remove_ends_the_server_and_leaves_nothing_in_the_clone(here: Places) -> None:
    up(here, [SMALL], [SMALL])
    process = record(here).process
    remove(here, [SMALL])
    assert not alive(process)
    assert not here.state.exists()


def test_down_leaves_a_process_alone_that_only_has_the_same_pid(here: Places) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as stranger:
        records.write(here, "small", records.Record(Process(stranger.pid, "another birth"), (1,), {}))
        down(here, [SMALL], [SMALL])
        assert stranger.poll() is None
        stranger.kill()


def test_a_server_that_ends_at_once_is_an_error_that_shows_its_log(here: Places) -> None:
    def broken(places: Places, chosen: Ports) -> Launch:
        return Launch(
            Command([sys.executable, "-c", "raise SystemExit('the disk is full')"], places.of("broken")),
            ready=lambda: False,
            environment={},
        )

    with pytest.raises(NotStarted, match=r"(?s)ended by itself.*the disk is full"):
        up(here, [Server("broken", 1, nothing, kept, broken)], [])


def test_an_interrupted_start_leaves_no_process_behind(here: Places) -> None:
    chosen_ports: list[Ports] = []

    def interrupted(places: Places, chosen: Ports) -> Launch:
        chosen_ports.append(chosen)
        serving = launch(places, chosen)

        def ready() -> bool:
            if serving.ready():
                raise KeyboardInterrupt
            return False

        return replace(serving, ready=ready)

    with pytest.raises(KeyboardInterrupt):
        up(here, [Server("small", 1, nothing, kept, interrupted)], [SMALL])
    [[port]] = chosen_ports
    assert not ports.answers(port)


def test_all_that_is_missing_is_named_before_anything_starts(here: Places) -> None:
    def lacks(what: str) -> Server:
        def check(places: Places) -> None:
            raise Missing(f"install {what}")

        return Server(what, 1, check, kept, launch)

    with pytest.raises(Missing, match="install one\ninstall two"):
        up(here, [SMALL, lacks("one"), lacks("two")], [SMALL])
    assert records.running(here, "small") is None


def test_a_dead_child_that_nobody_collected_counts_as_ended() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        birth = born(child.pid)
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert birth is not None
        assert born(child.pid) is None
