"""Chunks of a stream on their way to an answer. Nothing is believed of them that was not checked."""

from typing import Any

import orjson
from pydantic import BaseModel, Field, ValidationError

from aivis.errors import Invalid
from services.reasoner.brains.model.ports import Answer, ToolCall

LONGEST = 30_000
"""Characters of an answer, calls included: recorded, it must fit into an event."""
_OF_A_CALL = 50
"""What a call counts for besides its name and arguments."""


class _Function(BaseModel):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Part(BaseModel):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(BaseModel):
    content: Any = None
    """Text; some endpoints put lists of their reasoning here."""
    refusal: str | None = None
    tool_calls: list[_Part] | None = None


class _Choice(BaseModel):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int | None = Field(default=None, ge=0, lt=2**31)
    completion_tokens: int | None = Field(default=None, ge=0, lt=2**31)


class _Chunk(BaseModel):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None


class Gathered:
    """An answer in the making."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._calls: list[_Writing] = []
        self._finish = ""
        self._usage = _Usage()
        self._length = 0

    @property
    def begun(self) -> bool:
        """Whether anything of an answer came."""
        return bool(self._length or self._finish)

    def add(self, chunk: object) -> None:
        """Take one chunk in; `Invalid` when it is none, or one too many."""
        try:
            read = _Chunk.model_validate(chunk)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"])) or "whole"
            raise Invalid(f"a chunk of the answer is none: {place}: {first['msg']}") from error
        self._usage = read.usage or self._usage
        for choice in (read.choices or ())[:1]:
            self._finish = (choice.finish_reason or self._finish)[:40]
            self._take(choice.delta or _Delta())
        if self._length > LONGEST:
            raise Invalid(f"the answer is longer than {LONGEST} characters")

    def answer(self, trouble: str = "") -> Answer:
        """All that came; a stream that ends early raises nothing by itself: the missing finish tells."""
        if not trouble and not self._finish:
            trouble = "the stream ended in the middle of the answer"
        text = "".join(self._text)[:LONGEST]
        return Answer(
            text=_clean(text),
            calls=self._written(LONGEST - len(text)),
            finish=_clean(self._finish),
            trouble=trouble,
            prompt_tokens=self._usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens,
        )

    def _written(self, room: int) -> tuple[ToolCall, ...]:
        """The calls, as far as they have `room`."""
        calls: list[ToolCall] = []
        for call in self._calls:
            if room <= 0:
                break
            calls.append(call.cut(room))
            room -= _OF_A_CALL + len(calls[-1].arguments)
        return tuple(calls)

    def _take(self, delta: _Delta) -> None:
        for text in (delta.content, delta.refusal):
            if isinstance(text, str):
                self._text.append(text)
                self._length += len(text)
        for part in delta.tool_calls or ():
            self._length += self._call(part).write(part.function)

    def _call(self, part: _Part) -> "_Writing":
        """The call that `part` goes on with.

        Some endpoints number all calls 0, or none: then a name under a new id begins another. Some give every chunk
        a new id: but no name.
        """
        named = part.function is not None and bool(part.function.name)
        for call in reversed(self._calls):
            another = named and bool(part.id) and bool(call.id) and part.id != call.id
            if part.index == call.index and not another:
                return call
        self._calls.append(_Writing(part.index, part.id))
        self._length += _OF_A_CALL
        return self._calls[-1]


class _Writing:
    """A call that is being written."""

    def __init__(self, index: int | None, id: str | None) -> None:
        self.index = index
        self.id = id
        self._name = ""
        self._arguments: list[str] = []

    def write(self, function: _Function | None) -> int:
        """Go on with it; the number of characters that were added."""
        if function is None:
            return 0
        more = function.arguments or ""
        text = more if isinstance(more, str) else orjson.dumps(more).decode()
        self._name += function.name or ""
        self._arguments.append(text)
        return len(text) + len(function.name or "")

    def cut(self, room: int) -> ToolCall:
        return ToolCall(_clean(self._name[:200]), _clean("".join(self._arguments)[:room]))


def _clean(text: str) -> str:
    """Without what neither JSON nor a database can hold: lone surrogates and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\x00", "")
