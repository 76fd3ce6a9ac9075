"""Timers: messages that a service leaves for its own later self. They never travel on the bus."""

from typing import ClassVar

from aivis.events.envelope import JsonObject, Payload


class TimerDue(Payload):
    """A timer that the service set on this key has come due."""

    TYPE: ClassVar[str] = "aivis.timer.due"

    name: str
    note: JsonObject = {}
    """What the service wanted to remember."""
