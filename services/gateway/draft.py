"""A draft: what a turn has made of its events so far, on its way into one step. Pure."""

from collections.abc import Collection
from datetime import datetime, timedelta

from aivis import topics
from aivis.events.envelope import Event, Payload
from aivis.events.tickets import TicketEdited, TicketOpened, TicketSubmitted
from aivis.mailbox.turn import NotYet
from aivis.mailbox.values import Key, Outgoing, Step, Timer
from services.gateway import asking, normalising, ticket

_REPLIES = frozenset(kind.TYPE for kind in topics.REPLIES.events)
_TICKETS = frozenset(kind.TYPE for kind in topics.TICKETS.events)


class Draft:
    """Takes a case's events in one by one."""

    def __init__(
        self, state: bytes | None, key: Key, now: datetime, *, patience: float = 0.5, known: Collection[str] = ()
    ) -> None:
        """`patience`: seconds to keep a message back whose ticket has not come in.

        `known`: what is in the case's log by id, where a restored database may be told again what it knows.
        """
        self.ticket = ticket.load(state)
        self._patience = patience
        self._known = set(known)
        self._waited = bool(self.ticket.unheard)
        self._key = key
        self._now = now
        self._log: list[Event] = []
        self._publish: list[Event] = []
        self._timers: list[Timer] = []

    def recall(self, event: Event) -> None:
        """`event` went out on aivis.tickets before the database was restored."""
        if event.id in self._known:
            return
        if isinstance(event.data, TicketEdited):
            self._says(event.data)
        elif isinstance(event.data, TicketOpened):
            self.ticket = ticket.begun(self.ticket, event.data, opening=event.id)
        self._publish_new(event._replace(past=None))

    def take_in(self, event: Event) -> None:
        """Submissions are normalised, replies kept, the case's log noted."""
        if event.type in _REPLIES:
            self.ticket = ticket.heard(ticket.told(self.ticket, event), event)
            self._keep(event)
        elif event.type in _TICKETS:
            self._hear(event)
        else:
            self._submit(event, normalising.submission(event))

    def ask_again(self, events: list[Event], first: timedelta) -> None:
        """Publish what nobody has been heard on; the timer has come due."""
        self._publish += [event._replace(reasked=True, sequence=None) for event in events]
        asked = self.ticket.asked + 1
        self.ticket = self.ticket.model_copy(update={"asked": asked})
        self._timers.append(Timer(asking.TIMER, asking.delay(asked, first)))

    def step(self, first: timedelta) -> Step:
        """Everything so far; while something is unheard, a timer runs."""
        waits = bool(self.ticket.unheard)
        if waits and not self._waited:
            self._timers.append(Timer(asking.TIMER, asking.delay(0, first)))
        if self._waited and not waits:
            self._timers.append(Timer(asking.TIMER, None))
        return Step(
            state=ticket.dump(self.ticket),
            label=self.ticket.status.value,
            publish=tuple(Outgoing(topics.TICKETS.name, event) for event in self._publish),
            log=tuple(self._log),
            timers=tuple(self._timers),
        )

    def _hear(self, event: Event) -> None:
        if isinstance(event.data, TicketOpened) and not self.ticket.opened:
            self.ticket = ticket.begun(self.ticket, event.data, opening=event.causation or event.id)
        self.ticket = ticket.heard(self.ticket, event)

    def _submit(self, event: Event, data: normalising.Submitted) -> None:
        if self.ticket.opened:
            if not isinstance(data, TicketSubmitted) or normalising.fingerprint(data) != self.ticket.says:
                self._send(event, normalising.followed(data))
        elif isinstance(data, TicketSubmitted):
            self._send(event, normalising.opened(event, data, self._now))
        else:
            missing = f"{event.type} {event.id}: ticket {event.case} of {event.source} has not come in yet"
            raise NotYet(missing, seconds=self._patience)

    def _send(self, event: Event, data: Payload) -> None:
        sent = normalising.outgoing(event, data, self._key.name, self._now)
        if sent.id in self._known:
            return
        if isinstance(data, TicketOpened):
            self.ticket = ticket.begun(self.ticket, data, opening=sent.id)
        if isinstance(event.data, TicketSubmitted):
            self._says(event.data)
        self._publish_new(sent)

    def _says(self, data: TicketSubmitted | TicketEdited) -> None:
        says = normalising.fingerprint(data)
        self.ticket = self.ticket.model_copy(update={"says": says, "subject": data.subject})

    def _publish_new(self, sent: Event) -> None:
        self._known.add(sent.id)
        self._publish.append(sent)
        self._keep(sent)
        self.ticket = ticket.published(self.ticket, sent)

    def _keep(self, event: Event) -> None:
        last = self.ticket.last + 1
        self.ticket = self.ticket.model_copy(update={"last": last})
        self._log.append(event._replace(sequence=last))
