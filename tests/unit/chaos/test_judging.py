"""The judge sees what it is there to see."""

from pathlib import Path

import pytest

from chaos.judge import Verdict, disorder
from chaos.rack import lamps
from chaos.rack.lamps import Act, Log, Mood
from chaos.report import document, page, troubles
from chaos.rows.row import Landed, On, Outcome, Result, Row
from chaos.stack import Opening
from chaos.tape import Heard


def act(lamp: str, tool: str, key: str = "k1") -> Act:
    return Act(key, "alpha", tool, lamp)


def test_the_log_outlives_its_process_and_a_line_cut_short_is_none(tmp_path: Path) -> None:
    path = tmp_path / "acts"
    Log(path).append(act("lamp-off-1", "rack.switch_on"))
    with path.open("a") as file:
        file.write('{"key": "k2", "ten')
    assert lamps.read(path) == [act("lamp-off-1", "rack.switch_on")]
    assert Log(path).state("lamp-off-1") == "lit"


@pytest.mark.parametrize(
    ("done", "state"),
    [
        ([], "unplugged"),
        (["rack.switch_on"], "unplugged"),
        (["rack.plug_in"], "lit"),
        (["rack.plug_in", "rack.plug_in/undo"], "unplugged"),
    ],
)
def test_a_lamp_is_lit_by_what_mends_it_and_dark_when_that_is_taken_back(
    tmp_path: Path, done: list[str], state: str
) -> None:
    log = Log(tmp_path / "acts")
    for tool in done:
        log.append(act("lamp-unplugged-1", tool))
    assert log.state("lamp-unplugged-1") == state


def test_a_name_says_fault_and_mood() -> None:
    assert lamps.parts("lamp-blown-lies-3") == ("blown", Mood.LIES)
    with pytest.raises(ValueError, match="no lamp"):
        lamps.parts("lamp-3")


def test_what_was_done_twice_is_seen_under_whatever_key() -> None:
    once = [act("lamp-off-1", "rack.switch_on"), act("lamp-off-2", "rack.switch_on")]
    assert lamps.twice(once) == []
    assert lamps.twice([*once, act("lamp-off-1", "rack.switch_on", "k9")]) == ["rack.switch_on of lamp-off-1 by k9"]


def test_an_event_before_an_earlier_one_is_seen_and_one_that_comes_again_is_not() -> None:
    in_order = [Heard("a", 1), Heard("b", 1), Heard("a", 2), Heard("a", 1), Heard("a", 3)]
    assert disorder(in_order) == []
    assert disorder([Heard("a", 2), Heard("a", 1)]) == ["a: [2, 1]"]


async def never(folder: Path, seed: int, opening: Opening) -> Outcome:
    raise NotImplementedError


def result(
    *, faults: int = 1, missing: tuple[str, ...] = (), running: bool = True, verdict: Verdict | None = None
) -> Result:
    landed = Landed(["x"] * faults, list(missing))
    return Result(Row("row", "says", never), On.EMBEDDED, Outcome(landed, running, verdict or Verdict(tickets=5)), 3)


def test_a_row_passes_only_when_its_faults_landed_under_load_and_nothing_is_wrong() -> None:
    assert result().outcome.passed
    bad = [
        result(faults=0),
        result(missing=("a:b",)),
        result(running=False),
        result(verdict=Verdict(lost=["R-1"])),
        result(verdict=Verdict(twice=["R-1"])),
        result(verdict=Verdict(disorder=["R-1"])),
        result(verdict=Verdict(crossed=["R-1"])),
        result(verdict=Verdict(wrong=["R-1"])),
    ]
    assert not any(each.outcome.passed for each in bad)
    assert all(troubles(each) for each in bad)


def test_the_figures_go_between_the_marks_of_a_page_and_into_one_object() -> None:
    text = "# Head\n<!-- matrix -->\nold\n<!-- end of matrix -->\ntail"
    written = page([result(verdict=Verdict(tickets=5, lost=["R-1"]))], text, seed=4, machine="2 cores")
    assert "old" not in written
    assert written.startswith("# Head\n")
    assert written.endswith("\ntail")
    assert "| row | embedded | 1 | 5 | 1 |" in written
    assert document([result()], seed=4)["passed"] is True
