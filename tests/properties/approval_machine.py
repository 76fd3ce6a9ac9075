"""Two experts, the escalation service and the executor, and a topic between them on which words come late and again."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aivis import failpoints
from aivis.events.actions import (
    ActionFailed,
    ActionFinished,
    ApprovalDenied,
    ApprovalGranted,
    ApprovalRequested,
    Origin,
)
from aivis.events.envelope import Event, Payload
from aivis.events.timers import TimerDue
from aivis.mailbox.ports import Store
from aivis.mailbox.values import Key
from services.escalation import entry as cases
from services.escalation.bookkeeping import Bookkeeper
from services.escalation.consumer import Desk
from services.escalation.stores.sqlite import SqliteFigures
from services.executor import answers
from services.executor.ledger import Entry, State
from services.executor.ports import Call
from tests.properties.bench import Bench, Clock
from tests.properties.executor_machine import action_of, executor
from tests.properties.mailbox_machine import Place
from tests.properties.world import Mood, World
from tests.unit.services.executor.making import CASE, DEDUPES, LOOKUP, NEITHER, request

R = TypeVar("R")
TENANTS = ("acme", "beta")
EXPERTS = ("ada", "bo")
crashes = st.sampled_from(
    ["", "", "store.commit.before", "store.commit.after", "tools.call.before", "tools.call.after"]
)
which = st.integers(0, 50)


@dataclass
class Word:
    """What an expert pressed, and was told."""

    about: Key
    expert: str
    granted: bool
    digest: str
    at: datetime
    command: str = ""
    status: int = 0
    detail: str = ""


@dataclass
class Question:
    """An approval that was asked for."""

    event: Event
    asked: ApprovalRequested
    words: list[Word] = field(default_factory=list)


class ApprovalMachine(RuleBasedStateMachine):
    """Rules are what experts press, what the topic does, and who dies."""

    places: tuple[Place, Place]
    runner: asyncio.Runner
    folder: Path

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock, self.barred)
        self.requests: dict[Key, Event] = {}
        self.questions: dict[Key, Question] = {}
        self.topic: list[Event] = []
        """The topic of approvals, from its beginning."""
        self.read = 0
        """How far the executor has read it."""
        self.forged: set[str] = set()
        self.early: set[str] = set()
        """Of these those that would have counted a moment later: under another id they would be another word."""
        self.count = 0
        self.ends: list[Event] = []
        """What the executor told last of actions, on its way to the experts."""
        self.sequence: dict[Key, int] = {}

        async def desk(_: Store) -> Desk:
            return Desk(Bookkeeper(SqliteFigures(self.folder / "figures.db"), every=60, show=lambda _: None))

        self.executor = Bench(
            self.places[0], self.clock, action_of, lambda store: executor(self.world, self.clock, self.folder, store)
        )
        self.desk = Bench(self.places[1], self.clock, lambda event: Key(event.tenant, event.case), desk)
        self.run(self.executor.begin())
        self.run(self.desk.begin())

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(call)

    def event(self, data: Payload, tenant: str, *, id: str = "", case: str = CASE) -> Event:
        self.count += 1
        return Event(
            id=id or f"event-{self.count}", type=data.TYPE, source="test", tenant=tenant, case=case,
            time=self.clock.now(), data=data,
        )  # fmt: skip

    def barred(self, call: Call) -> str:
        """Why the world should not see this call: the one word that counts is an expert's, in time, for just this."""
        question = self.questions.get(Key(call.tenant, call.key))
        if question is None:
            return "nobody was asked"
        words = [word for word in question.words if word.status == 200]
        if [word.granted for word in words] != [True]:
            return f"the words that counted were {words}"
        if words[0].digest != question.asked.digest or self.clock.now() >= question.asked.expires_at:
            return "the word does not count any more, or not for this"
        return ""

    @rule(
        tenant=st.sampled_from(TENANTS),
        tool=st.sampled_from([DEDUPES.name, LOOKUP.name, NEITHER.name]),
        resource=st.sampled_from(["r1", "r2"]),
        word_first=st.sampled_from([False, False, False, True]),
    )
    def ask(self, tenant: str, tool: str, resource: str, word_first: bool) -> None:
        """An action that needs a word; perhaps somebody's word is there before it, under a digest that is right."""
        key = Key(tenant, f"action-{sum(each.tenant == tenant for each in self.requests)}")
        data = request(tool, action=key.name, arguments={"id": resource}, origins={"id": Origin.TEXT})
        self.requests[key] = self.event(data, tenant)
        if word_first:
            digest = Entry.proposed(self.requests[key], data, self.clock.now()).digest
            self.forge(key, digest, tenant)
            self.early.add(self.topic[-1].id)
            self.deliver("")
        self.run(self.executor.deliver(self.requests[key]))
        self.work("")

    @precondition(lambda self: self.questions)
    @rule(which=which, expert=st.sampled_from(EXPERTS), yes=st.booleans(), other=which, clicks=st.integers(1, 2),
          crash=st.sampled_from(["", "", "store.commit.before", "store.commit.after"]))  # fmt: skip
    def press(self, *, which: int, expert: str, yes: bool, other: int, clicks: int, crash: str) -> None:
        """An expert presses, once or twice, on a page that may show other parameters."""
        self.pressed([self.word(which, expert, yes, other) for _ in range(clicks)], crash)

    @precondition(lambda self: self.questions)
    @rule(which=which)
    def both_press_at_once(self, which: int) -> None:
        self.pressed([self.word(which, "ada", yes=True, other=1), self.word(which, "bo", yes=False, other=1)], "")

    @precondition(lambda self: self.questions)
    @rule(which=which, crash=crashes)
    def press_and_deliver(self, which: int, crash: str) -> None:
        """The usual course."""
        self.pressed([self.word(which, "ada", yes=True, other=1)], "")
        self.deliver(crash)

    def word(self, which: int, expert: str, yes: bool, other: int) -> Word:
        keys = [*self.questions]
        about = keys[which % len(keys)]
        shown = keys[other % len(keys)] if other % 3 == 0 else about
        return Word(about, expert, yes, self.questions[shown].asked.digest, self.clock.now())

    def pressed(self, words: list[Word], crash: str) -> None:
        for word in words:
            question = self.questions[word.about]
            values = {"action": word.about.name, "digest": word.digest, "expert": word.expert}
            data: Payload = ApprovalDenied(**values)
            if word.granted:
                data = ApprovalGranted(**values, expires_at=question.asked.expires_at)
            command = self.event(data, word.about.tenant)
            word.command = command.id
            self.run(self.desk.deliver(command))
            question.words.append(word)
        self.arm(crash)
        self.say(self.run(self.desk.work()))
        self.say(self.run(self.desk.work()))
        failpoints.clear()
        for word in words:
            self.answered(word)

    def answered(self, word: Word) -> None:
        snapshot = self.run(self.desk.store.read(Key(word.about.tenant, CASE)))
        assert snapshot is not None
        answer = cases.load(snapshot.state).answers[word.command]
        word.status, word.detail = answer.status, answer.detail
        counted = [each for each in self.questions[word.about].words if each.status == 200]
        if word.status != 200 and "this approval is used" in word.detail:
            assert any(each.expert in word.detail for each in counted), "who lost is told who decided"
        if word.at >= self.questions[word.about].asked.expires_at and word.granted:
            assert word.status == 409, "too late"

    def say(self, events: list[Event]) -> None:
        self.topic += [event for event in events if isinstance(event.data, ApprovalGranted | ApprovalDenied)]

    @precondition(lambda self: self.read < len(self.topic))
    @rule(crash=crashes)
    def deliver(self, crash: str) -> None:
        """The executor reads on."""
        fresh, self.read = self.topic[self.read :], len(self.topic)
        self.run(self.executor.deliver(*fresh))
        self.work(crash)

    @precondition(lambda self: self.topic)
    @rule(which=which, same_id=st.booleans())
    def replay(self, which: int, same_id: bool) -> None:
        event = self.topic[which % len(self.topic)]
        same_id = same_id or event.id in self.early
        self.run(self.executor.deliver(event if same_id else event._replace(id=f"replay-{self.count}-{which}")))
        self.work("")

    @precondition(lambda self: self.questions)
    @rule(which=which, shown=which, tenant=st.sampled_from(TENANTS))
    def a_word_is_put_on_another_action(self, which: int, shown: int, tenant: str) -> None:
        """Of the digest of another action, or in another tenant, whose actions have the same names."""
        keys = [*self.questions]
        about, other = keys[which % len(keys)], keys[shown % len(keys)]
        key, digest = Key(tenant, about.name), self.questions[other].asked.digest
        if key in self.questions and self.questions[key].asked.digest == digest:
            return  # of the very same parameters: that only an expert can write
        self.forge(key, digest, tenant)
        self.deliver("")

    def forge(self, about: Key, digest: str, tenant: str) -> None:
        expires_at = self.clock.now() + timedelta(days=9)
        data = ApprovalGranted(action=about.name, digest=digest, expert="mallory", expires_at=expires_at)
        self.topic.append(self.event(data, tenant))
        self.forged.add(self.topic[-1].id)

    @rule(crash=crashes, mood=st.sampled_from([Mood.OK, Mood.OK, Mood.LOST, Mood.VANISHED, Mood.BUSY]))
    def work(self, crash: str, mood: Mood = Mood.OK) -> None:
        self.world.moods = [mood]
        self.arm(crash)
        told = self.run(self.executor.work())
        failpoints.clear()
        self.world.moods = []
        for event in told:
            if isinstance(event.data, ApprovalRequested):
                self.questions.setdefault(action_of(event), Question(event, event.data))
                self.run(self.desk.deliver(event))
            elif isinstance(event.data, ActionFailed | ActionFinished):
                self.ends.append(event)
        self.run(self.desk.work())

    def arm(self, crash: str) -> None:
        if crash:
            failpoints.arm(crash, "crash")

    @precondition(lambda self: self.ends)
    @rule()
    def experts_hear_what_became(self) -> None:
        """The case's log comes later than what it tells of."""
        for event in self.ends:
            key = Key(event.tenant, CASE)
            self.sequence[key] = self.sequence.get(key, 0) + 1
            logged = event._replace(id=f"log/{event.id}/{self.sequence[key]}", sequence=self.sequence[key])
            self.run(self.desk.deliver(logged))
        self.ends = []
        self.say(self.run(self.desk.work()))

    @rule(seconds=st.sampled_from([1.0, 20.0, 4_000.0, 28_800.0]))
    def pass_time(self, seconds: float) -> None:
        self.world.pass_time(seconds)
        due = [self.event(TimerDue(name=answers.APPROVAL_TIMER), key.tenant, case=key.name) for key in self.questions]
        self.run(self.executor.deliver(*due))
        self.work("")

    @rule(desk=st.booleans())
    def a_process_ends(self, desk: bool) -> None:
        self.run((self.desk if desk else self.executor).die())

    @invariant()
    def every_effect_has_its_own_word_in_time_and_comes_once(self) -> None:
        assert self.world.wrong == []
        assert self.world.twice() == []
        assert self.executor.bugs == self.desk.bugs == []

    @invariant()
    def of_each_question_one_word_counts_at_most(self) -> None:
        for question in self.questions.values():
            assert sum(word.status == 200 for word in question.words) <= 1

    @invariant()
    def an_approval_is_used_for_one_action_at_most(self) -> None:
        used = []
        for tenant in TENANTS:
            for each in self.run(self.executor.store.find(tenant=tenant, labels=[], limit=100)):
                if each.state is not None:
                    found = Entry.load(each.state)
                    assert found.state is not State.INTENT or (found.approval and found.approval.event), "INTENT alone"
                    used += [found.approval.event] if found.approval and found.approval.event else []
        assert len(used) == len(set(used))
        assert not self.forged.intersection(used)

    def teardown(self) -> None:
        failpoints.clear()
        if not hasattr(self, "desk"):
            return
        try:
            for _ in range(3):
                self.pass_time(30_000)
            for key in self.requests:
                snapshot = self.run(self.executor.store.read(key))
                assert snapshot is not None
                assert snapshot.state is not None
                state = Entry.load(snapshot.state).state
                assert state in (State.DONE, State.FAILED, State.AMBIGUOUS, State.RESOLVED), f"{key} is {state}"
            self.every_effect_has_its_own_word_in_time_and_comes_once()
        finally:
            self.run(self.executor.end())
            self.run(self.desk.end())
