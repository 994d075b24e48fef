"""Subjects of letters that shout: filters take them for rubbish, and so do people. Pure rules."""

from __future__ import annotations

import re
import unicodedata

#: Words that filters count, folded: English, German, Polish, Russian.
LOUD = frozenset(
    (
        *("sale", "free", "winner", "win", "cash", "cheap", "urgent", "discount", "hurry", "bargain"),
        *("gratis", "kostenlos", "rabatt", "gewinn", "gewonnen", "schnäppchen", "sonderangebot", "dringend"),
        *("darmowe", "darmowy", "rabat", "wygrana", "promocja", "wyprzedaż", "okazja", "pilne"),
        *("бесплатно", "скидка", "скидки", "выигрыш", "акция", "распродажа", "срочно", "даром"),
    )
)
#: So many capitals in a row are no name of a club.
SHOUTED = 4
WORDS = re.compile(r"[^\W\d_]+")
MARKS = re.compile(r"[!?]{2,}|[$€£]{2,}")
BRACES = re.compile(r"\{[^{}]*\}")


def loud(subject: str) -> list[str]:
    """Return what in a subject shouts, as it is written, each once: "SALE", "!!!". Placeholders do not count."""
    plain = unicodedata.normalize("NFC", BRACES.sub(" ", subject))
    words = (word for word in WORDS.findall(plain) if word.casefold() in LOUD or _shouts(word))
    return list(dict.fromkeys([*words, *MARKS.findall(plain)]))


def _shouts(word: str) -> bool:
    return len(word) >= SHOUTED and word.isupper()
