"""A small system to act on, and tools for it: books that are lent."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta

from aivis.errors import NotFound, Refused, Transient, Unknown
from aivis.toolkit import Arguments, Call, Closed, Repeat, Result, Risk, ToolSet


@dataclass
class Shelf:
    """Who has each book, and what was done, in order."""

    lent: dict[str, str] = field(default_factory=lambda: {"atlas": ""})
    done: list[str] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)
    """Purchases by the key they were made with, as a real system would keep them."""
    entered: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)
    crash: BaseException | None = None
    """Raised after the effect, as if the process died there."""


class Book(Arguments):
    title: str
    """The book."""


class Lend(Arguments):
    title: str
    """The book."""
    reader: str
    """Who gets it."""


class Lent(Result):
    title: str
    """The book."""
    reader: str
    """Who has it."""
    previous: str
    """Who had it before."""


class Bought(Result):
    title: str
    """The book."""


class Had(Closed):
    reader: str
    """Who had it."""


LONG = timedelta(seconds=20)
tools = ToolSet[Shelf]()


@tools.tool(name="shelf.look", risk=Risk.READ, repeat=Repeat.DEDUPES, timeout=LONG, owner="library")
def look(arguments: Book, call: Call[Shelf]) -> Lent:
    """Tell who has a book."""
    if arguments.title not in call.system.lent:
        raise NotFound(f"no book {arguments.title}")
    reader = call.system.lent[arguments.title]
    return Lent(title=arguments.title, reader=reader, previous=reader)


@tools.tool(name="shelf.look_later", risk=Risk.READ, repeat=Repeat.DEDUPES, timeout=LONG, owner="library")
async def look_later(arguments: Book, call: Call[Shelf]) -> Lent:
    """Tell who has a book, without a thread of its own."""
    return look(arguments, call)


def undo_lend(arguments: Lend, result: Lent, call: Call[Shelf]) -> Lent:
    """Give it back to who had it."""
    call.system.done.append(f"back {result.previous}")
    call.system.lent[arguments.title] = result.previous
    call.acted()
    return Lent(title=arguments.title, reader=result.previous, previous=arguments.reader)


@tools.tool(
    name="shelf.lend", risk=Risk.REVERSIBLE, repeat=Repeat.DEDUPES, timeout=LONG, owner="library", resource="title",
    dedupe_window=timedelta(days=1), repeats_safely="It sets who has the book.", undo=undo_lend,
)  # fmt: skip
def lend(arguments: Lend, call: Call[Shelf]) -> Lent:
    """Give a book to a reader."""
    shelf = call.system
    had = call.before(Had, lambda: Had(reader=shelf.lent[arguments.title]))
    if arguments.reader == "nobody":
        raise Refused("nobody reads")
    if arguments.reader == "busy":
        raise Transient("the desk is busy")
    shelf.entered.set()
    shelf.release.wait(10)
    shelf.done.append(f"lend {arguments.reader}")
    shelf.lent[arguments.title] = arguments.reader
    if shelf.crash is not None:
        raise shelf.crash
    return Lent(title=arguments.title, reader=arguments.reader, previous=had.reader)


def find_purchase(arguments: Book, call: Call[Shelf]) -> Bought | None:
    """The purchase made with the key."""
    if arguments.title == "unknowable":
        raise Unknown("the bookseller does not answer")
    title = call.system.keys.get(call.key)
    return None if title is None else Bought(title=title)


@tools.tool(
    name="shelf.buy", risk=Risk.DESTRUCTIVE, repeat=Repeat.LOOKUP, timeout=LONG, owner="library", resource="title",
    settling_time=timedelta(seconds=30), lookup=find_purchase,
)  # fmt: skip
def buy(arguments: Book, call: Call[Shelf]) -> Bought:
    """Buy a book."""
    if call.system.crash is not None and arguments.title == "lost":
        raise call.system.crash
    call.system.done.append(f"buy {arguments.title}")
    call.system.keys[call.key] = arguments.title
    call.acted()
    if call.system.crash is not None:
        raise call.system.crash
    return Bought(title=arguments.title)


@tools.tool(
    name="shelf.ring", risk=Risk.DESTRUCTIVE, repeat=Repeat.NEITHER, timeout=LONG, owner="library", resource="title"
)
def ring(arguments: Book, call: Call[Shelf]) -> Bought:
    """Ring the bell for a book; nothing remembers it."""
    call.system.done.append(f"ring {arguments.title}")
    if call.system.crash is not None:
        raise call.system.crash
    return Bought(title=arguments.title)
