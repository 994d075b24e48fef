"""The languages of a shop: which it has, what they are called, and which of several texts somebody reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

from django.conf import global_settings, settings
from django.utils.translation import get_language, get_language_info

Text = TypeVar("Text")


def languages() -> list[str]:
    """
    Return the languages of the shop without their regions (`en` for `en-gb`), each once.

    A shop that chose none has Django's hundred; there its own language and those of the ready words are asked for.
    """
    chosen = [code for code, _name in settings.LANGUAGES]
    if chosen == [code for code, _name in global_settings.LANGUAGES]:
        chosen = [settings.LANGUAGE_CODE, "en", "de", "pl", "ru"]
    return list(dict.fromkeys(bare(code=code) for code in chosen))


def language_name(language: str) -> str:
    """Return the name of a language in the reader's words."""
    try:
        return str(get_language_info(language)["name_translated"])
    except KeyError:
        return language


def offered(*, code: str) -> str | None:
    """Return the one of `LANGUAGES` that a code stands for: itself, or "en" for "en-gb"; None where there is none."""
    return next((known for known in _more_and_more_widely(code) if known in dict(settings.LANGUAGES)), None)


def own_language() -> str:
    """Return the shop's own language, as it stands among `LANGUAGES`."""
    return offered(code=settings.LANGUAGE_CODE) or settings.LANGUAGE_CODE


def in_language(*, texts: Mapping[str, Text], language: str) -> Text | None:
    """Return the text in a language, else in the shop's own, each with or without its region; else the first one."""
    for wanted in (language, settings.LANGUAGE_CODE):
        near = (code for code in texts if bare(code=code) == bare(code=wanted))
        if code := next((code for code in (*_more_and_more_widely(wanted), *near) if code in texts), None):
            return texts[code]
    return next(iter(texts.values()), None)


def called(*, name: str, names: Mapping[str, str]) -> str:
    """Return what something is called in the reader's language: a name of its own there, else the one it has."""
    return names.get(bare(code=get_language() or "en")) or name


def bare(*, code: str) -> str:
    """Return a language without its region: "en" for "en-gb"."""
    return code.partition("-")[0]


def _more_and_more_widely(code: str) -> Iterator[str]:
    """Yield a code and what is left without its last part: "zh-hant-hk", "zh-hant", "zh"."""
    while code:
        yield code
        code = code.rpartition("-")[0]
