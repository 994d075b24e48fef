"""What campaigns say: texts per language with a few placeholders, which a pattern fills and no template language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.languages import in_language

from .models import Campaign, CampaignText

#: What a text may hold in braces.
PLACEHOLDERS = ("first_name", "shop", "program", "gift", "product", "link")
BRACES = re.compile(r"([,،，、]? ?)\{([^{}]*)\}")
#: Somebody called by name at the start of a line.
CALLED = re.compile(r"^\{([^{}]*)\}[,،，、] ?", re.MULTILINE)


def unknown(text: str) -> list[str]:
    """Return what stands in braces in a text and is no placeholder, as it is written, each once."""
    found = (f"{{{match[2]}}}" for match in BRACES.finditer(text) if match[2] not in PLACEHOLDERS)
    return list(dict.fromkeys(found))


def fill(*, text: str, values: Mapping[str, str]) -> str:
    """
    Return a text with what its placeholders stand for; what a value holds in braces stays as it is. A placeholder that
    stands for nothing takes the comma and the space before it along, at the start of a line those behind it.

    Nothing is escaped. For a page both the text and the values are escaped beforehand.
    """

    def filled(match: re.Match[str]) -> str:
        value = values.get(match[2])
        return match[0] if value is None else f"{match[1]}{value}" if value else ""

    without = CALLED.sub(lambda match: "" if values.get(match[1]) == "" else match[0], text)
    return BRACES.sub(filled, without)


def text_of(*, campaign: Campaign, language: str) -> CampaignText | None:
    """Return what a campaign says in a language, else in the shop's own, else in the first; None for nothing."""
    texts = campaign.texts.using(write_db()).order_by("pk")
    return in_language(texts={text.language: text for text in texts}, language=language)
