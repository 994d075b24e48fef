"""What comes in: JSON of a few bytes, read to the letter. What is not meant exactly so is refused, never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

from django.http import QueryDict
from django.utils.translation import pgettext, pgettext_lazy
from rest_framework.exceptions import APIException, ParseError, ValidationError
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

#: More is never needed, and no parser should have to look at it.
MOST_BYTES = 1024
#: Words of whatever language, escaped as JSON may: 12 bytes for a sign.
MOST_BYTES_OF_WORDS = 8 * 1024
#: What words may hold, told in the schema: all but the character that no database keeps.
WORDS = r"^[^\u0000]*$"


class TooLarge(APIException):
    """The body is larger than any that means something here."""

    status_code = 413
    default_code = "too_large"
    default_detail = pgettext_lazy("loyalty", "The body is too large.")


class StrictJSON(BaseParser):
    """JSON without duplicate keys and without NaN; at most `most_bytes`."""

    media_type = "application/json"
    most_bytes = MOST_BYTES

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        body = stream.read(self.most_bytes + 1)
        if len(body) > self.most_bytes:
            raise TooLarge
        try:
            return json.loads(body.decode(), object_pairs_hook=_once_each, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            raise ParseError(pgettext("loyalty", "The body is not sound JSON.")) from error


class LongerJSON(StrictJSON):
    """JSON with a text for people."""

    most_bytes = MOST_BYTES_OF_WORDS


def _once_each(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)


class JSONOnly(DefaultContentNegotiation):
    """Answer JSON whatever is asked for: errors too can then be read."""

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        first = next(iter(renderers))
        return first, first.media_type


def whole_number(*, data: Any, name: str, most: int) -> int:
    """Return the one number of a body `{name: number}`, a JSON integer of 1 to `most`. Raises `ValidationError`."""
    value: Any = data.get(name) if isinstance(data, Mapping) and set(data) == {name} else None
    if not is_whole(value, most=most):
        text = pgettext("loyalty", "Send %(example)s and nothing else: a JSON integer from 1 to %(most)d.")
        raise ValidationError(text % {"example": f'{{"{name}": 500}}', "most": most})
    return value


def is_whole(value: Any, *, most: int) -> bool:
    """Return whether a value is a JSON integer of 1 to `most`; `true` is none."""
    return type(value) is int and 1 <= value <= most


def parameter(*, given: QueryDict, name: str) -> int | None:
    """Return the one whole number that may stand in the address, or None. Raises `ValidationError`."""
    if set(given) - {name} or len(given.getlist(name)) > 1:
        raise ValidationError(pgettext("loyalty", "The address has parameters that mean nothing here."))
    text = given.get(name)
    if text is not None and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise ValidationError(pgettext("loyalty", "That is no place in the list."))
    return None if text is None else int(text)
