"""Routing: who goes on with a ticket, why, and its class in three dimensions."""

from collections.abc import Sequence
from dataclasses import dataclass

from aivis.events.plans import AgentName, Classification, Complexity, Frequency, Route, Scenario
from services.planner.classifying import Guess
from services.planner.domain import Domain
from services.planner.guidance import Directions
from services.planner.problems import Problem
from services.planner.reading import Reading
from services.planner.subtasks import Draft, missing


@dataclass(frozen=True)
class Verdict:
    """Which way a plan goes."""

    route: Route
    reason: str
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Understood:
    """What was made of a ticket, ready to be judged."""

    reading: Reading
    wanted: Sequence[Problem]
    """What the ticket wants that an agent may work on, or only a person."""
    drafts: Sequence[Draft]
    directions: Directions
    language: str


def judge(ticket: Understood, domain: Domain) -> Verdict:
    """The route, and the reason in words."""
    refused = None if ticket.directions.given else _for_an_expert(ticket, domain)
    if refused:
        return Verdict(Route.EXPERT, refused)
    if not ticket.drafts:
        return Verdict(Route.EXPERT, "The guidance asks for nothing that the agent knows how to do.")
    if len(ticket.drafts) > domain.routing.max_subtasks:
        return Verdict(Route.EXPERT, f"{len(ticket.drafts)} subtasks are more than the agent may take on alone.")
    lacking = missing(ticket.drafts, domain)
    if lacking:
        return Verdict(Route.CUSTOMER, f"Only the customer can say: {', '.join(lacking)}.", lacking)
    return Verdict(Route.AGENT, " ".join([_understood(ticket, domain), *_remarks(ticket, domain)]))


def _for_an_expert(ticket: Understood, domain: Domain) -> str:
    """Why only a person may go on; empty when the agent may."""
    signs, languages = ticket.reading.signs, domain.routing.languages
    if ticket.language not in languages and ticket.reading.whole is not None:
        return f"The ticket is in the language {ticket.language!r}; the agent reads only {', '.join(languages)}."
    reserved = [each for each in ticket.wanted if is_reserved(each.intent, domain)]
    if reserved:
        return f"{domain.intent(reserved[0].intent).says} The ticket: {_quoted(reserved[0])}"
    if signs and any(domain.intent(draft.intent).agent is AgentName.OPERATIONS for draft in ticket.drafts):
        return (
            f"The text carries instructions to the agent ({'; '.join(signs)}): a person must see what is really asked."
        )
    if ticket.drafts:
        return ""
    if signs:
        return f"The text speaks to the agent as a machine ({'; '.join(signs)}), and asks for nothing else."
    return _not_understood(ticket, domain)


def _not_understood(ticket: Understood, domain: Domain) -> str:
    whole, unknown = ticket.reading.whole, domain.intent(domain.routing.unknown)
    if whole is None:
        return "The ticket has no text."
    if any(each.intent == domain.routing.unknown for each in ticket.wanted) or whole.label == domain.routing.unknown:
        return f"Out of scope. {unknown.says}"
    if whole.label == domain.routing.background:
        return "The ticket does not say what is wanted."
    best = domain.intent(whole.label).says.rstrip(".")
    return (
        f"Not understood well enough: the best guess, '{best}', has {whole.probability:.0%}"
        f" and {domain.routing.thresholds.confidence:.0%} is needed."
    )


def _understood(ticket: Understood, domain: Domain) -> str:
    said = list(dict.fromkeys(domain.intent(draft.intent).says for draft in ticket.drafts))
    by = "As the expert directs" if ticket.directions.given else "Understood"
    return f"{by}: {' '.join(said)}"


def _remarks(ticket: Understood, domain: Domain) -> list[str]:
    """What was left out on purpose."""
    found = []
    if ticket.reading.signs and not ticket.directions.given:
        found.append(f"Instructions to the agent in the text were not followed ({'; '.join(ticket.reading.signs)}).")
    if any(each.intent == domain.routing.unknown for each in ticket.wanted):
        found.append("A part of the ticket is out of scope and was left out.")
    if any(unit.refused for unit in ticket.reading.units):
        found.append("What the customer forbids, or asks for only if needed, is no subtask.")
    return found


def is_reserved(intent: str, domain: Domain) -> bool:
    """Whether only a person decides on it."""
    return domain.intent(intent).route is Route.EXPERT and intent != domain.routing.unknown


def classify(ticket: Understood, verdict: Verdict, domain: Domain) -> Classification:
    """The ticket in three dimensions, by its first problem; confidence is that of the least sure part."""
    reserved = [each.intent for each in ticket.wanted if is_reserved(each.intent, domain)]
    drafted = [draft.intent for draft in ticket.drafts]
    main = [*(reserved if verdict.route is Route.EXPERT else ()), *drafted, domain.routing.unknown][0]
    return Classification(
        complexity=_complexity(ticket, verdict),
        frequency=_frequency(main, domain),
        scenario=Scenario(domain.intent(main).scenario),
        confidence=round(_confidence(ticket), 3),
    )


def _complexity(ticket: Understood, verdict: Verdict) -> Complexity:
    if verdict.route is Route.EXPERT:
        return Complexity.COMPLEX
    return Complexity.COMPOUND if len(ticket.drafts) > 1 else Complexity.SIMPLE


def _frequency(intent: str, domain: Domain) -> Frequency:
    total = sum(each.count for each in domain.routing.intents.values())
    share = domain.intent(intent).count / total if total else 0
    if share >= domain.routing.thresholds.common:
        return Frequency.COMMON
    return Frequency.OCCASIONAL if share >= domain.routing.thresholds.occasional else Frequency.RARE


def _confidence(ticket: Understood) -> float:
    if ticket.directions.problems:
        return min(each.probability for each in ticket.directions.problems)
    if ticket.wanted:
        return min(each.probability for each in ticket.wanted)
    whole: Guess | None = ticket.reading.whole
    return whole.probability if whole else 0.0


def _quoted(problem: Problem) -> str:
    text = problem.units[0].text
    return f"\u201c{text[:200]}{'...' if len(text) > 200 else ''}\u201d"
