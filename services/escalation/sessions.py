"""Sessions of the pages: a signed cookie that says who signed in and until when. Pure: time and secret come in."""

import base64
import hashlib
import hmac
from datetime import datetime, timedelta

from aivis.events.envelope import Value


class Session(Value):
    """A signed-in expert."""

    expert: str
    until: datetime
    token: str
    """The cookie's value."""


def begin(expert: str, *, now: datetime, lasts: timedelta, secret: bytes) -> Session:
    """A session of `expert`, who has shown a key."""
    until = (now + lasts).replace(microsecond=0)
    said = _encode(f"{int(until.timestamp())} {expert}")
    return Session(expert=expert, until=until, token=f"{said}.{_sign(secret, 'session', said)}")


def resume(token: str, *, now: datetime, secret: bytes) -> Session | None:
    """The session of a cookie; None when it was not signed here or is over."""
    said, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _sign(secret, "session", said).encode()):
        return None
    seconds, _, expert = _decode(said).partition(" ")
    until = datetime.fromtimestamp(int(seconds), now.tzinfo)
    return Session(expert=expert, until=until, token=token) if now < until else None


def form_token(session: Session, secret: bytes) -> str:
    """What every form of the session carries, so that no other site can send one."""
    return _sign(secret, "form", session.token)


def form_is_ours(given: str, session: Session, secret: bytes) -> bool:
    return hmac.compare_digest(given.encode(), form_token(session, secret).encode())


def _sign(secret: bytes, what: str, text: str) -> str:
    return hmac.new(secret, f"{what}:{text}".encode(), hashlib.sha256).hexdigest()


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(text: str) -> str:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:  # not base64, not ASCII, not UTF-8
        return "0 "
