"""From an action to a call that can be made: the tool found, the parameters checked, the terms fixed."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import orjson

from aivis.artifacts import ArtifactStore
from aivis.errors import Invalid, Refused
from aivis.events.actions import Autonomy
from aivis.events.envelope import JsonObject
from aivis.mailbox.values import Key
from aivis.toolkit.declaration import Repeat
from services.executor import parameters, policy
from services.executor.catalogue import Catalogue, Offer
from services.executor.declarations import Tool, read_object
from services.executor.ledger import Entry, Terms, undo_name
from services.executor.ports import Call, Found, ToolProvider, Undone
from services.executor.results import whole

UNDO_WINDOW = timedelta(hours=1)
"""How long an undo may be called again: it puts back what was recorded before the effect, so it bears repeating."""
ReadState = Callable[[Key], Awaitable[bytes | None]]
ReadHolder = Callable[[str, str], Awaitable[str | None]]
"""Who holds a name of a tenant."""


@dataclass(frozen=True)
class Prepared:
    """A call that can be made, once it is allowed."""

    tool: Tool
    provider: ToolProvider
    terms: Terms
    call: Call
    undone: Undone | None = None

    async def make(self, *, by: float) -> bytes:
        """The answer; `by` is when it is over, see `Call`."""
        call = replace(self.call, by=by)
        return await (self.provider.call(call) if self.undone is None else self.provider.undo(call, self.undone))

    async def lookup(self) -> Found:
        return await self.provider.lookup(self.call)

    def read(self, content: bytes) -> JsonObject:
        """The result in `content`, or `Invalid`; an undo's result is declared by nobody."""
        if self.undone is None:
            return self.tool.read_result(content)
        return read_object(content or b"{}", f"result of undoing {self.tool.name}")


@dataclass(frozen=True)
class Preparer:
    """Prepares actions."""

    catalogue: Catalogue
    read: ReadState
    """The ledger's state under a key."""
    holder: ReadHolder
    artifacts: ArtifactStore
    patience: float = 1
    """Seconds that a server may take to say which tools it has, before the action is put off."""

    async def __call__(self, entry: Entry) -> Prepared:
        """`NotFound`, `Invalid` or `Refused` when it can never be called so; `Transient` when that is not known yet."""
        request = entry.request
        offer = await self.catalogue.found(request.tool, patience=self.patience)
        content = parameters.canonical(request.arguments)
        if len(content) > parameters.MAX_ARGUMENTS_BYTES:
            raise Invalid(f"{request.tool}: arguments of {len(content)} bytes, over {parameters.MAX_ARGUMENTS_BYTES}")
        offer.tool.check_arguments(request.arguments)
        undone = await self._undone(entry, offer) if request.undoes else None
        return Prepared(offer.tool, offer.provider, _terms(offer.tool, entry, undone), _call(entry, offer.tool), undone)

    async def _undone(self, entry: Entry, offer: Offer) -> Undone | None:
        """What an undo by the same tool reverses; None when another tool is called to put it back."""
        request = entry.request
        earlier = await self._to_undo(entry)
        if earlier.request.tool != request.tool:
            return None
        if not offer.tool.declaration.undoable:
            raise Refused(f"{request.tool} has no undo; {offer.tool.declaration.owner} may know another way back")
        if earlier.request.arguments != request.arguments:
            raise Invalid(f"{request.tool}: the arguments are not those of action {request.undoes}, which it undoes")
        return Undone(request.undoes, await self._result(earlier))

    async def _to_undo(self, entry: Entry) -> Entry:
        """The effect to undo: it is known to have happened, in this case, and nobody else has undone it."""
        id = entry.request.undoes
        state = await self.read(Key(entry.tenant, id))
        earlier = None if state is None else Entry.load(state)
        if earlier is None or earlier.case != entry.case:
            raise Refused(f"{entry.request.tool}: there is no action {id} of this case to undo")
        if not earlier.happened or not earlier.is_effect:
            raise Refused(f"action {id} is {earlier.state}: there is no effect to undo")
        if earlier.request.undoes:
            raise Refused(f"action {id} is an undo itself: ask for what it took back anew")
        by = await self.holder(entry.tenant, undo_name(id))
        if by not in (None, entry.request.action):
            raise Refused(f"action {id} is undone already, or is about to be, by action {by}")
        return earlier

    async def _result(self, earlier: Entry) -> bytes:
        outcome = earlier.outcome
        assert outcome is not None
        if outcome.result is None and outcome.artifact is None:
            raise Refused(f"action {earlier.request.action} left no result to undo by: a person must put it back")
        return await whole(outcome, earlier.tenant, self.artifacts)


def question(entry: Entry, prepared: Prepared, autonomy: Autonomy) -> policy.Question:
    """What to ask the policies; `autonomy` is the executor's own setting."""
    request = entry.request
    return policy.Question(
        tenant=entry.tenant,
        customer=request.customer,
        agent=request.agent,
        tool=request.tool,
        risk=prepared.terms.risk,
        purpose=request.purpose,
        autonomy=policy.stricter(autonomy, request.autonomy),
        resource=prepared.terms.resource,
        arguments=request.arguments,
        origins=parameters.origins(request),
        undo=prepared.terms.undo,
    )


def _terms(tool: Tool, entry: Entry, undone: Undone | None) -> Terms:
    declared, arguments = tool.declaration, entry.request.arguments
    terms = Terms(
        version=declared.version,
        risk=tool.risk,
        repeat=tool.repeat,
        timeout=declared.timeout,
        dedupe_window=declared.dedupe_window,
        settling_time=declared.settling_time,
        resource=parameters.resource(tool.name, arguments, declared.resource_argument) if tool.is_effect else "",
    )
    if undone is None:
        return terms
    window = max(declared.dedupe_window, UNDO_WINDOW)
    return terms.model_copy(update={"repeat": Repeat.DEDUPES, "dedupe_window": window, "undo": True})


def _call(entry: Entry, tool: Tool) -> Call:
    return Call(
        tool=tool.name,
        arguments=orjson.dumps(entry.request.arguments),
        key=entry.request.action,
        tenant=entry.tenant,
        case=entry.case,
        timeout=tool.declaration.timeout,
        traceparent=entry.traceparent,
    )
