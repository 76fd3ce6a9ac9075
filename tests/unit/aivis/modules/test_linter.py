"""Each thing that can be wrong with a module is told with file, line, field and what to do."""

from pathlib import Path

import pytest

from aivis.errors import Invalid
from aivis.modules.linter import lint, lint_texts
from aivis.modules.loader import load
from tests.unit.aivis.modules.shop import CATALOGUE, TEXTS


def problems(file: str, was: str, becomes: str) -> list[str]:
    text = TEXTS[file]
    assert was in text, "the test changes something"
    return [str(problem) for problem in lint_texts({**TEXTS, file: text.replace(was, becomes, 1)}, CATALOGUE)]


def test_sound_modules_have_no_problems() -> None:
    assert lint_texts(TEXTS, CATALOGUE) == []


LOST, RESEND, INPUTS = "m/parcel_lost.yaml", "m/resend.yaml", "m/inputs.yaml"
WHEN = "12: checks[0].when_present:"


@pytest.mark.parametrize(
    ("file", "was", "becomes", "where", "what"),
    [
        (LOST, "prior: 0.2", "prior: 1.2", "4: prior:", "less than 1, not 1.2"),
        (LOST, "sure: 0.98", "shure: 0.98", "13: checks[0].shure:", "did you mean sure?"),
        (LOST, "succeeds: 0.9\n", "cost: 2\n", "16: remedies[0].succeeds:", "is missing: add it"),
        (LOST, 'says: "P', 'says: 1\nsays: "P', "4: says:", "is here twice"),
        (LOST, "fault: parcel_lost", "folt: parcel_lost", "2: (file):", "must have one of fault:"),
        (LOST, "fault: parcel_lost", "fault: parcel_gone", "2: fault:", "name the file parcel_gone.yaml"),
        (LOST, "prior: 0.2", "prior: [0.2", "5: (file):", "not YAML"),
        (LOST, "needs: [parcel]", "needs: [parcle]", "7: needs[0]:", "inputs.yaml has no input parcle"),
        (LOST, "serves: [find.parcel]\nexplains: [nothing_came]\n", "", "2: (file):", "nothing will ever use it"),
        (LOST, "result.state == 'lost'", "result.state ==", WHEN, "not CEL, at line:column"),
        (LOST, "result.state == 'lost'", "result.stat == 'lost'", WHEN, "did you mean state?"),
        (LOST, "result.state == 'lost'", "result.box.sice > 1", WHEN, "result.box has no field sice"),
        (LOST, "result.state == 'lost'", "result.stops.exists(s, s.twon == '')", WHEN,
         "s has no field twon: did you mean town?"),
        (LOST, "result.state == 'lost'", "result.state.lower() == 'lost'", WHEN,
         "there is no function lower()"),
        (LOST, "result.state == 'lost'", "result.state == lost", WHEN, "keeps its own quotes"),
        (LOST, "result.state == 'lost'", "ticket.buyer == ''", WHEN, "ask has(ticket.buyer) first"),
        (LOST, "{found.town}", "{found.twon}", "3: says:", "did you mean town?"),
        (LOST, "tool: shop.track", "tool: shop.trak", "9: checks[0].tool:", "did you mean shop.track?"),
        (LOST, "tool: shop.track", "tool: shop.burn", "9: checks[0].tool:", "a check may only read"),
        (LOST, "speed: ticket.speed}", "sped: ticket.speed}", "17: remedies[0].with.sped:", "has no argument sped"),
        (LOST, ", speed: ticket.speed}", "}", "17: remedies[0].with:", "needs the argument speed"),
        (LOST, "speed: ticket.speed}", "speed: \"'quick'\"}", "17: remedies[0].with.speed:", "does not take 'quick'"),
        (LOST, "- tool: shop.send", "- tool: 'shop send'", "16: remedies[0].tool:", "String should match pattern"),
        (LOST, "    risk: reversible", "    when: has(ticket)\n    risk: reversible", "18: remedies[0].when:",
         "not CEL"),
        (LOST, "risk: reversible", "risk: destructive", "18: remedies[0].risk:", "declares shop.send as reversible"),
        (LOST, "    undo: true\n", "", "16: remedies[0]:", "undo is missing"),
        (LOST, "    verify: {", "    #", "16: remedies[0]:", "verify is missing"),
        (LOST, 'probability: ">0.9"', 'probability: "<0.5"', "25: examples[0].then.probability:", "is 0.92"),
        (LOST, "next: shop.send", "next: nothing", "25: examples[0].then.next:", "is shop.send, not nothing"),
        (LOST, "speed: slow}}", "speed: fast}}", "25: examples[0].then.with:", "speed is 'slow', not 'fast'"),
        (RESEND, "undo: {tool: shop.send, with: {parcel: ticket.parcel, speed: \"'slow'\"}}", "undo: true",
         "10: steps[0].undo:", "cannot undo itself"),
        (RESEND, "    expect: result.held\n", "    expect: result.held\n    tries: 3\n", "10: steps[0].tries:",
         "never called again"),
        (RESEND, "fails: shop.hold", "fails: shop.send", "21: examples[1].then.fails:", "shop.hold fails"),
        (RESEND, "[shop.hold, shop.send]", "[shop.send]", "19: examples[0].then.steps:", "are shop.hold, shop.send"),
        (RESEND, "needs: [parcel]", "needs: [parcel]\nsaid: [speed]", "6: said[0]:", "not among needs"),
        (INPUTS, "buyer: ticket.buyer", "buyer: ticket.byer", "9: inputs.parcel.lookup[0].with.buyer:",
         "did you mean buyer?"),
        (INPUTS, "result.parcels[0]", "result.parcel[0]", "11: inputs.parcel.lookup[0].value:",
         "did you mean parcels?"),
        (INPUTS, "default: \"'slow'\"", "default: slow", "13: inputs.speed.default:", "there is no name slow"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place_and_its_cure(
    file: str, was: str, becomes: str, where: str, what: str
) -> None:
    found = problems(file, was, becomes)
    assert any(line.startswith(f"{file}:{where}") and what in line for line in found), found


def test_every_mistake_is_told_not_only_the_first() -> None:
    text = (
        TEXTS[LOST]
        .replace("prior: 0.2", "prior: 2")
        .replace("sure: 0.98", "sure: 2")
        .replace("risk: reversible\n", "\n")
    )
    found = lint_texts({**TEXTS, LOST: text}, CATALOGUE)
    assert {"prior", "checks[0].sure", "remedies[0].risk"} <= {problem.field for problem in found}


def test_a_remedy_may_name_a_procedure_that_is_there() -> None:
    remedy = "  - tool: shop.send\n    with: {parcel: ticket.parcel, speed: ticket.speed}\n"
    undo = "    undo: true\n"
    changed = TEXTS[LOST].replace(remedy, "  - procedure: resend\n").replace(undo, "").replace(
        "next: shop.send, with: {parcel: p1, speed: slow}", "next: resend"
    )  # fmt: skip
    assert lint_texts({**TEXTS, LOST: changed}, CATALOGUE) == []
    wrong = lint_texts({**TEXTS, LOST: changed.replace("procedure: resend", "procedure: resent")}, CATALOGUE)
    assert "did you mean resend?" in str(wrong[0])


def test_a_folder_without_modules_says_so(tmp_path: Path) -> None:
    assert "put the modules here" in str(lint(tmp_path, CATALOGUE)[0])


def test_a_folder_loads_when_its_form_is_right_and_is_refused_with_every_problem_when_not(tmp_path: Path) -> None:
    for name, text in TEXTS.items():
        (tmp_path / Path(name).name).write_text(text)
    assert [module.name for module in load(tmp_path).modules.values()] == ["parcel_lost", "resend"]
    (tmp_path / "parcel_lost.yaml").write_text(TEXTS[LOST].replace("prior: 0.2", "prior: 7"))
    (tmp_path / "resend.yaml").write_text("procedure: resend\n")
    with pytest.raises(Invalid, match=r"(?s)parcel_lost\.yaml:4: prior: .*resend\.yaml:1: "):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "- 1", "a: *b", "fault: x\nprocedure: y", "\x00", "fault: &a [*a]", "{" * 50])
def test_whatever_a_file_holds_is_a_problem_and_not_a_crash(text: str) -> None:
    found = lint_texts({**TEXTS, "m/bad.yaml": text}, CATALOGUE)
    assert [problem.file for problem in found] == ["m/bad.yaml"]


def test_two_modules_of_one_name_are_told() -> None:
    found = lint_texts({**TEXTS, "n/parcel_lost.yaml": TEXTS[LOST]}, CATALOGUE)
    assert "is also in m/parcel_lost.yaml" in str(found[0])
