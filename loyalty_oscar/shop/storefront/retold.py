"""
What Oscar prints of lines in words that no shopper understands, and what stands there instead.

Oscar's lines name what distinguishes them ("Bowl (Gift = 'A bowl')"), and its baskets tell a reason that was given as
one of their own. Neither asks anybody, so what they print is found in the page and said in our words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from django.utils.html import conditional_escape
from django.utils.safestring import SafeString
from oscar.apps.basket.abstract_models import _ as in_oscars_words

from loyalty_oscar.program.hooks import SKIP, Hook


class LineTexts(Protocol):
    """Knows what Oscar prints of lines and how a feature says it."""

    def __call__(self, *, lines: Iterable[Any]) -> Mapping[str, str]:
        """
        Return our words by Oscar's, for lines of a basket or of an order. Those of an order are asked for when somebody
        looks at the first, so a feature that has nothing to say of any looks at none.
        """
        ...


line_texts: Hook[LineTexts] = Hook("line_texts", LineTexts, on_error=SKIP)


def retold(*, html: str, lines: Iterable[Any]) -> SafeString:
    """Return markup that shows these lines, with what features say otherwise in their words."""
    for texts in line_texts.answers(lines=lines):
        for said, meant in texts.items():
            html = html.replace(conditional_escape(said), conditional_escape(meant))
    return SafeString(html)


def too_many(*, most: int) -> str:
    """Return what Oscar's basket says in place of the reason for which it may not hold more of a line than `most`."""
    text = in_oscars_words(
        "Available stock is only %(max)d, which has been exceeded because multiple lines contain the same product."
    )
    return text % {"max": most}
