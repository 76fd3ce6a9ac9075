"""The knowledge agent: grounded answers with sources, or 'not known'."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aivis.events.actions import Purpose
from aivis.events.escalations import EscalationReason
from aivis.events.plans import AgentName, Subtask
from aivis.modules.library import Library
from services.reasoner.agents.agent import Problem
from services.reasoner.agents.knowledge import AGENT, SEARCH
from services.reasoner.agents.knowledge.answering import Answer, NotKnown, answer
from services.reasoner.agents.knowledge.asking import questions
from services.reasoner.agents.knowledge.extracts import LIMIT, extract
from services.reasoner.agents.knowledge.found import Found, found_in
from services.reasoner.agents.knowledge.knowing import KNOWN, background, belief
from services.reasoner.brains.playbook.moves import Calls, Finding, GiveUp, Observation

STOPPED = "You do not pay usage while an instance is stopped."
HIT = {
    "passage_id": "p1",
    "title": "Stopped instances",
    "section": "Charges",
    "text": STOPPED,
    "source": "docs/stopped.md",
    "score": 0.8,
    "similarity": 0.8,
    "coverage": 1.0,
}
ASKED = "Do I pay for a stopped instance?"


def found(id: str = "p1", text: str = STOPPED, *, similarity: float = 0.8, coverage: float = 1.0) -> Found:
    return Found(id, f"Title {id}", "", text, f"docs/{id}.md", similarity, similarity, coverage)


def problem(*observations: Observation, question: str = ASKED) -> Problem:
    subtask = Subtask(id="s1", goal="Answer.", agent=AgentName.KNOWLEDGE, intent="consult")
    return Problem(subtask, observations, Library({}), question, "en")


def searched(query: str, *hits: object, failure: str = "") -> Observation:
    result = None if failure else {"hits": list(hits)}
    return Observation(SEARCH, {"query": query, "limit": 10}, result, failure, Purpose.SEARCH)


def test_the_agent_searches_before_it_says_anything() -> None:
    move = AGENT.policy(problem())
    assert isinstance(move.next, Calls)
    (call,) = move.next.calls
    assert (call.tool, call.purpose, call.arguments["query"]) == (SEARCH, Purpose.SEARCH, ASKED)


def test_each_of_several_questions_is_searched_for_beside_the_whole() -> None:
    move = AGENT.policy(problem(question="Hi, how do I stop it? Do I pay then? Thanks, Bob"))
    assert isinstance(move.next, Calls)
    assert [call.arguments["query"] for call in move.next.calls] == [
        "how do I stop it? Do I pay then?",
        "how do I stop it?",
        "Do I pay then?",
    ]


def test_an_answer_is_the_passage_word_for_word_with_its_citation() -> None:
    move = AGENT.policy(problem(searched(ASKED, HIT)))
    assert isinstance(move.next, Finding)
    assert move.next.finding == f"{STOPPED} [1]\n\nSources:\n[1] Stopped instances > Charges (docs/stopped.md)"
    (citation,) = move.next.citations
    assert (citation.passage, citation.title, citation.section) == ("p1", "Stopped instances", "Charges")


def test_what_no_passage_answers_goes_to_an_expert_as_not_known() -> None:
    move = AGENT.policy(problem(searched(ASKED, {**HIT, "similarity": 0.3, "coverage": 0.2})))
    assert isinstance(move.next, GiveUp)
    assert move.next.why is EscalationReason.NOT_KNOWN
    assert move.next.known == ("Nearest passage: Stopped instances > Charges (docs/stopped.md)",)
    assert "Stopped instances" in move.next.reason


def test_an_empty_knowledge_is_not_known_either() -> None:
    move = AGENT.policy(problem(searched(ASKED)))
    assert isinstance(move.next, GiveUp)
    assert move.next.why is EscalationReason.NOT_KNOWN


def test_a_search_that_failed_is_a_fault_of_ours_and_no_missing_knowledge() -> None:
    move = AGENT.policy(problem(searched(ASKED, failure="retriever: unavailable")))
    assert isinstance(move.next, GiveUp)
    assert move.next.why is EscalationReason.FAULT
    assert "retriever: unavailable" in move.next.reason


def test_a_second_passage_answers_the_second_question() -> None:
    paid = found("p2", "A stopped instance costs nothing but its volumes.")
    first = found("p1", "Stopping keeps the volumes; terminating deletes them.")
    said = answer({"both?": [first, paid], "what is stopping?": [first], "what does it cost?": [paid]}, "en")
    assert isinstance(said, Answer)
    assert [citation.passage for citation in said.citations] == ["p1", "p2"]
    assert said.extracts == (first.text, paid.text)


def test_a_passage_found_for_a_part_alone_is_left_out() -> None:
    first, stray = found("p1"), found("p2", "Data is lost when an instance is terminated.")
    said = answer({"how to enlarge? lose data?": [first], "how to enlarge?": [first], "lose data?": [stray]}, "en")
    assert isinstance(said, Answer)
    assert [citation.passage for citation in said.citations] == ["p1"]


def test_the_first_passage_that_is_believed_is_cited_even_behind_better_scores() -> None:
    said = answer({ASKED: [found("weak", similarity=0.5, coverage=0.2), found("right")]}, "en")
    assert isinstance(said, Answer)
    assert said.citations[0].passage == "right"


def test_a_chinese_question_is_judged_by_its_words_and_answered_in_chinese() -> None:
    text = "实例停止后不收取使用费。"
    known = answer({"实例停止后收费吗?": [found("zh", text, similarity=0.0, coverage=0.8)]}, "zh-CN")
    assert isinstance(known, Answer)
    assert "来源:" in known.text
    assert isinstance(answer({"天气怎么样?": [found("zh", text, similarity=0.0, coverage=0.4)]}, "zh"), NotKnown)


def test_belief_grows_with_similarity_with_coverage_and_with_standing_out() -> None:
    middling = belief(found(similarity=0.6, coverage=0.6), ASKED, 0.4)
    assert belief(found(similarity=0.8, coverage=0.6), ASKED, 0.4) > middling
    assert belief(found(similarity=0.6, coverage=0.9), ASKED, 0.4) > middling
    assert belief(found(similarity=0.6, coverage=0.6), ASKED, 0.2) > middling
    assert belief(found(similarity=0.5, coverage=0.4), ASKED, 0.4) < KNOWN < belief(found(), ASKED, 0.4)


def test_the_background_is_what_lies_behind_the_best() -> None:
    hits = [found(str(place), similarity=0.9 - place / 10) for place in range(7)]
    assert background(hits) == pytest.approx((0.5 + 0.4 + 0.3) / 3)
    assert 0 < background(hits[:4]) < 0.5


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"hits": None},
        {"hits": "x"},
        {"hits": [1, None, {}, {"passage_id": "p"}, {"text": "t"}]},
        {"hits": [{**HIT, "text": ""}]},
    ],
)
def test_a_result_that_holds_no_passage_gives_none(result: dict[str, object]) -> None:
    assert found_in(result) == ()


def test_figures_that_are_no_numbers_count_as_none() -> None:
    (hit,) = found_in({"hits": [{**HIT, "similarity": "high", "coverage": None}]})
    assert (hit.similarity, hit.coverage) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("What is an Elastic IP?", ("What is an Elastic IP?",)),
        ("Hello, I want to know about quotas. Thanks, Ann", ("I want to know about quotas.",)),
        ("Our shop was slow yesterday.\nHow do I resize?", ("How do I resize?",)),
        ("您好,怎么扩容?谢谢", ("怎么扩容?",)),
        ("Thanks! Can I shrink it?", ("Can I shrink it?",)),
        ("", ("",)),
    ],
)
def test_greetings_and_the_story_are_left_out_of_the_question(text: str, asked: tuple[str, ...]) -> None:
    assert questions(text) == asked


def test_a_very_long_ticket_is_searched_for_within_bounds() -> None:
    assert all(len(question) <= 2_000 for question in questions("How? " + "word " * 5_000))
    assert len(questions("What is it? " * 50)) <= 5


def test_a_short_passage_is_given_whole() -> None:
    assert extract("# x\n\nShort text.", "anything") == "# x\n\nShort text."


def test_of_a_long_passage_the_part_is_given_that_the_question_is_about() -> None:
    filler = "\n\n".join(f"Paragraph {number} is about networks and their many cables." for number in range(20))
    text = f"{filler}\n\nA quota is raised on request. Ask support.\n\n{filler}"
    part = extract(text, "How is a quota raised?")
    assert "A quota is raised on request." in part
    assert part in text
    assert len(part) <= LIMIT


def test_code_is_never_cut_in_two() -> None:
    code = "```\n" + "\n".join(f"command --number {number}." for number in range(30)) + "\n```"
    part = extract("Intro. " * 80 + f"\n\n{code}\n\nEnd.", "command number")
    assert part.count("```") % 2 == 0


@given(st.text(alphabet="ab .\n|`-", max_size=2_500), st.text(max_size=40))
def test_an_extract_is_always_a_slice_of_its_passage(text: str, question: str) -> None:
    part = extract(text, question)
    assert part in text
    assert bool(part) == bool(text.strip())
