"""Wishes: a doing wished for, told of, or forbidden."""

import pytest

from services.planner.concepts import Lexicon
from services.planner.wishes import Mood, idle, mood

LEXICON = Lexicon({"restart": ["restart*", "重启"], "not_this": ["do not", "don't", "请勿"]}, known=lambda _: True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("restart it", Mood.WISHED),
        ("please restart it", Mood.WISHED),
        ("I want you to restart it", Mood.WISHED),
        ("it needs to be restarted", Mood.WISHED),
        ("麻烦重启", Mood.WISHED),
        ("we restarted it", Mood.TOLD),
        ("We've already restarted it", Mood.TOLD),
        ("it was restarted yesterday", Mood.TOLD),
        ("we looked at it and restarted it", Mood.TOLD),
        ("已经重启过了", Mood.TOLD),
        ("do not restart it", Mood.FORBIDDEN),
        ("请勿重启", Mood.FORBIDDEN),
        ("the last thing was a restart", Mood.PLAIN),
    ],
)
def test_the_mood_of_a_doing(text: str, expected: Mood) -> None:
    found = LEXICON.find(text)
    doing = next(each for each in found if each.concept == "restart")
    assert mood(doing, text, found) is expected


@pytest.mark.parametrize(
    ("text", "nothing_wished"),
    [
        ("we restarted it; please do not restart it", True),
        ("we restarted it, please restart it again", False),
        ("restart it if needed", True),
        ("it is down", False),
    ],
)
def test_a_text_is_idle_when_it_wishes_none_of_the_doings_it_names(text: str, nothing_wished: bool) -> None:
    assert idle(("restart",), text, LEXICON.find(text)) is nothing_wished
