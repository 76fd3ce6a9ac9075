"""Text to search terms: lower-case English word stems, and pairs of characters where words have no spaces (Chinese).

What indexes a text and what reads a question must cut them alike; this is the one place where it is done.
"""

import re
import unicodedata

_TOKEN = re.compile(r"[a-z0-9_]+|[\u3400-\u9fff\uf900-\ufaff]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_VOWEL = re.compile(r"[aeiouy]")
_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")

STOP_WORDS = frozenset(
    "a about after all also am an and any are as at be because been but by can cannot could did do does doing don for"
    " from get had has have having he her here hi hello his how i if in into is it its just like may me might my need"
    " no not of off on one or our out please s she should so some t thank thanks that the their them then there these"
    " they this those to too tell us ve want was we were what when where which while who why will with would you your"
    " dear documentation explain hey information kindly know like possible regards send sir understand wonder".split()
)
"""Words that say nothing of a question's subject. "Not" and "how" are among them: passages are about things."""
_FILLERS = re.compile("请问|想了解一下|想知道|麻烦|一下|怎么|怎样|如何|为什么|什么|可以|是否|能否|哪些|吗")
"""Chinese words of that kind: what is left between them is cut into pairs."""


def terms(text: str) -> list[str]:
    """The terms of `text` in order, with repeats, stop words left out.

    `DescribeInstances` gives the whole and its parts; a run of Chinese gives its pairs, a single character itself.
    """
    found: list[str] = []
    for word in re.split(r"\s+", unicodedata.normalize("NFKC", text)):
        parts = _CAMEL.split(word)
        lowered = _TOKEN.findall(word.lower())
        found += lowered
        if len(parts) > 1:
            found += [part for part in _TOKEN.findall(" ".join(parts).lower()) if part not in lowered]
    return [term for word in found for term in _of_word(word)]


def is_han(text: str) -> bool:
    """True when `text` is mostly Chinese: a sixth of its letters, since a Chinese sentence names things in English."""
    letters = sum(character.isalpha() for character in text)
    return letters > 0 and len(_HAN.findall(text)) * 6 >= letters


def _of_word(word: str) -> list[str]:
    if _HAN.match(word):
        return [pair for part in _FILLERS.split(word) if part for pair in _pairs(part)]
    return [] if word in STOP_WORDS else [stem(word)]


def _pairs(word: str) -> list[str]:
    return [word[place : place + 2] for place in range(max(1, len(word) - 1))]


def stem(word: str) -> str:
    """A light stem: plural, -ing and -ed endings off, so that a question's word finds its other forms.

    Deliberately less than Porter's: "instance" and "instant" stay apart.
    """
    if len(word) < 3 or not word.isalpha():
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed"):
        stump = word.removesuffix(ending)
        if stump != word and len(stump) >= 3 and _VOWEL.search(stump):
            word = stump[:-1] if stump[-1] == stump[-2] and stump[-1] not in "ls" else stump
            break
    return word.removesuffix("e") if len(word) > 4 else word
