"""What the declarations of the cloud's tools have in common."""

from datetime import timedelta
from typing import TypedDict

from aivis.toolkit import Repeat, Risk

OWNER = "cloud-team"


class Reads(TypedDict):
    risk: Risk
    repeat: Repeat
    timeout: timedelta
    owner: str


class Dedupes(TypedDict):
    repeat: Repeat
    dedupe_window: timedelta
    owner: str


class LooksUp(TypedDict):
    repeat: Repeat
    settling_time: timedelta
    owner: str


READS = Reads(risk=Risk.READ, repeat=Repeat.DEDUPES, timeout=timedelta(seconds=20), owner=OWNER)
ANALYSES = Reads(risk=Risk.READ, repeat=Repeat.DEDUPES, timeout=timedelta(seconds=45), owner=OWNER)
DEDUPES = Dedupes(repeat=Repeat.DEDUPES, dedupe_window=timedelta(days=7), owner=OWNER)
LOOKS_UP = LooksUp(repeat=Repeat.LOOKUP, settling_time=timedelta(seconds=30), owner=OWNER)
"""Thirty seconds: the EC2 API is eventually consistent, and shows new things and their tags after some seconds."""
SHORT = timedelta(seconds=30)
"""Timeout of effects that are there when the API has answered."""
LONG = timedelta(minutes=5)
"""Timeout of effects that are waited for."""
KEY_TAG = "aivis-key"
"""The tag by which lookup finds what a call has created; written in the same request as the creation."""
