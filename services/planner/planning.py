"""Planning: from a request for a plan to the plan. Pure: the same request and domain give the same plan."""

from collections.abc import Sequence
from dataclasses import replace

from aivis.events.envelope import JsonObject
from aivis.events.plans import Plan, PlanRequested, Route
from services.planner import routing, subtasks
from services.planner.classifying import Classifier
from services.planner.concepts import Lexicon
from services.planner.domain import Domain
from services.planner.guidance import Directions, GuidanceReader
from services.planner.inputs import Sources, Value
from services.planner.language import language
from services.planner.mentions import Reader
from services.planner.problems import Problem, problems
from services.planner.reading import Reading, TicketReader, Unit
from services.planner.routing import Understood
from services.planner.subtasks import Draft


class Planner:
    """Makes plans for one domain. Safe to use from several threads."""

    def __init__(self, domain: Domain, classifier: Classifier, lexicon: Lexicon) -> None:
        self._domain = domain
        self._reader = TicketReader(domain, classifier, lexicon)
        self._guidance = GuidanceReader(domain, self._reader)
        self._mentions = Reader(domain.routing)

    @property
    def version(self) -> str:
        """Of the domain's files."""
        return self._domain.version

    def plan(self, request: PlanRequested) -> Plan:
        """What the ticket wants, as subtasks, and who goes on; never raises for what a text says."""
        reading = self._reader.read(request.subject, request.text)
        directions = self._guidance.read(request.guidance)
        trusted = [unit for unit in reading.units if directions.consent or not unit.signs]
        wanted = self._wanted(reading, trusted)
        drafts = self._drafts(wanted, trusted, request, directions)
        ordered = subtasks.ordered(self._with_answers(drafts, request), self._domain)
        tag = language(f"{request.subject}\n{request.text}")
        ticket = Understood(reading, wanted, ordered, directions, tag)
        verdict = routing.judge(ticket, self._domain)
        current = request.current.subtasks if request.current else ()
        return Plan(
            classification=routing.classify(ticket, verdict, self._domain),
            route=verdict.route,
            reason=verdict.reason,
            subtasks=subtasks.numbered(ordered, current, request.facts, self._domain),
            missing=verdict.missing,
            language=tag,
            version=self._domain.version,
        )

    def _wanted(self, reading: Reading, trusted: Sequence[Unit]) -> list[Problem]:
        """What the units want; where no unit is clear, what the text as one wants."""
        found = problems(trusted, self._domain)
        if found or reading.whole is None or reading.signs or any(unit.refused for unit in trusted):
            return found
        routing = self._domain.routing
        whole = reading.whole
        if any(self._domain.resources.intersection(m.values) for unit in trusted for m in unit.mentions):
            # Who names a thing of ours means us: only what is wanted with it is open.
            whole = whole.without((routing.background, routing.unknown))
        if whole.label == routing.background or whole.probability < routing.thresholds.confidence:
            return []
        return [Problem(whole.label, tuple(trusted), whole.probability)]

    def _drafts(
        self, wanted: Sequence[Problem], trusted: Sequence[Unit], request: PlanRequested, directions: Directions
    ) -> list[Draft]:
        """The subtasks of the ticket, with what experts said put over them."""
        attributes = {name: value for name, text in request.attributes.items()
                      if (value := self._mentions.value(name, text)) is not None}  # fmt: skip
        ticket = Sources(trusted, attributes, self._domain.resources, self._convert)
        own = subtasks.drafts([each for each in wanted if self._workable(each)], self._domain, ticket)
        both = replace(ticket, units=[*directions.units, *trusted])
        told = subtasks.drafts(directions.problems, self._domain, both)
        made = self._following(own, told)
        made = [self._with_values(draft, dict(directions.inputs), made) for draft in made]
        made = self._with_modules(made, directions.modules, trusted)
        return [self._with_values(draft, request.facts, made) for draft in made]

    def _workable(self, problem: Problem) -> bool:
        return self._domain.intent(problem.intent).route is Route.AGENT

    def _convert(self, name: str, value: Value) -> Value | None:
        return self._mentions.value(name, value)

    def _following(self, own: Sequence[Draft], told: Sequence[Draft]) -> list[Draft]:
        """What experts ask for, in place of what the ticket asks for about the same thing."""
        if not told:
            return list(own)
        resources = self._domain.resources
        kept = [
            d for d in own if resources.intersection(d.inputs) and not any(_replaces(t, d, resources) for t in told)
        ]
        filled = []
        for draft in told:
            same = next((d for d in own if d.intent == draft.intent and d.shares_thing(draft, resources)), None)
            filled.append(replace(same, inputs={**same.inputs, **draft.inputs}) if same else draft)
        return [*kept, *filled]

    def _with_values(self, draft: Draft, given: JsonObject, all_drafts: Sequence[Draft]) -> Draft:
        """The draft with the values in `given` that its intent takes.

        A thing is not replaced where subtasks are about several: it cannot be told which one is meant.
        """
        inputs = dict(draft.inputs)
        for name in self._domain.intent(draft.intent).inputs:
            value = self._mentions.value(name, given[name]) if name in given else None
            known = {each.inputs[name] for each in all_drafts if name in each.inputs}
            several = name in self._domain.resources and len(known) > 1
            if value is not None and not several:
                inputs[name] = value
        return replace(draft, inputs=inputs)

    def _with_modules(self, made: Sequence[Draft], modules: tuple[str, ...], trusted: Sequence[Unit]) -> list[Draft]:
        """The drafts told to follow `modules`; without any draft one is made of the intent that the first serves."""
        served = [
            name for module in modules for name in self._domain.modules[module] if name in self._domain.routing.intents
        ]
        if not modules:
            return list(made)
        if not made and served:
            sources = Sources(trusted, {}, self._domain.resources, self._convert)
            made = subtasks.drafts([Problem(served[0], tuple(trusted), 1.0)], self._domain, sources)
        fitting = [draft for draft in made if draft.intent in served]
        return [replace(draft, modules=modules) if draft in fitting or not fitting else draft for draft in made]

    def _with_answers(self, drafts: Sequence[Draft], request: PlanRequested) -> list[Draft]:
        """The drafts with values that the customer's last message gives in answer to our question."""
        asked = request.current.missing if request.current else ()
        answer = request.text.rsplit("\n\n", 1)[-1]
        given = {name: value for name in asked if (value := self._mentions.read_bare(name, answer)) is not None}
        return [replace(d, inputs={**_taken(d, given, self._domain), **d.inputs}) for d in drafts]


def _replaces(told: Draft, own: Draft, resources: frozenset[str]) -> bool:
    """Whether an expert's wish stands in place of the ticket's: it is about the same thing, or names none."""
    return told.shares_thing(own, resources) or not resources.intersection(told.inputs)


def _taken(draft: Draft, given: JsonObject, domain: Domain) -> JsonObject:
    return {name: value for name, value in given.items() if name in domain.intent(draft.intent).inputs}
