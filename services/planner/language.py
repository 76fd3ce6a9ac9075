"""The customer's language, by script and by the commonest words."""

import re

_SCRIPTS = (
    ("ja", re.compile(r"[\u3040-\u30ff]")),
    ("ko", re.compile(r"[\uac00-\ud7af]")),
    ("zh", re.compile(r"[\u3400-\u9fff]")),
    ("ru", re.compile(r"[\u0400-\u04ff]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
)
_COMMON = {
    "en": "the a an is are to and of my our not please can cannot i we it on for from with this that at in be has no",
    "de": "der die das ist und nicht wir ich bitte unser unsere mein meine auf von mit ein eine seit kann dem den im",
    "fr": "le la les est et ne pas nous je notre mon ma sur de du avec une des depuis peut veuillez dans",
    "es": "el la los las es y nosotros mi nuestro nuestra por favor con una desde puede del en se",
    "pt": "o os não nós meu minha nosso nossa por favor com uma desde pode em da do",
    "it": "il la gli è e non noi mio nostro nostra per favore con una da può di del",
}
_WORDS = {language: frozenset(words.split()) for language, words in _COMMON.items()}
_WORD = re.compile(r"(?<![\w.-])[^\W\d_]+(?![\w-])")
"""A whole word: the letters between the digits of an id are none."""
_SHARE = 8
"""A script is the text's when every so many-th letter is of it: a Chinese ticket names things in English."""
_ENOUGH = 2
"""Common words of another language that must be found before it is taken for the text's."""


def language(text: str) -> str:
    """BCP 47 tag of the language of `text`; `en` when nothing tells."""
    letters = sum(character.isalpha() for character in text)
    for tag, script in _SCRIPTS:
        if letters and len(script.findall(text)) * _SHARE >= letters:
            return tag
    words = _WORD.findall(text.lower())
    counts = {tag: sum(word in common for word in words) for tag, common in _WORDS.items()}
    best = max(counts, key=lambda tag: (counts[tag], tag == "en"))
    return best if counts[best] >= max(_ENOUGH, counts["en"] + 1) else "en"
