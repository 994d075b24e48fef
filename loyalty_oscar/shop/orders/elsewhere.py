"""
Orders that another shop has sold already (a marketplace, an ERP, a till): what is closed here is no reason to refuse
them, because they are paid.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from django.core.checks import Error, register
from django.utils.module_loading import import_string

from loyalty_oscar.program.checks import are_sound
from loyalty_oscar.program.conf import conf

_admitting: ContextVar[bool] = ContextVar("admitting", default=False)


@contextmanager
def admitted_elsewhere() -> Iterator[None]:
    """
    Write orders in this block that were sold elsewhere: `with extend.admitted_elsewhere(): creator.place_order(…)`.

    No sale refuses them, closed or sold out; the pieces that they take of counted sales are counted. A decorator, too.
    """
    token = _admitting.set(True)
    try:
        yield
    finally:
        _admitting.reset(token)


def is_sold_elsewhere(*, order: Any) -> bool:
    """Return whether an order was sold elsewhere: written in such a block, or so says the store's own function."""
    return _admitting.get() or bool(conf.SOLD_ELSEWHERE and import_string(conf.SOLD_ELSEWHERE)(order))


@register("loyalty")
def check_sold_elsewhere(**kwargs: Any) -> list[Error]:
    """Refuse a function that cannot be called: paid orders would stop at it."""
    path = conf.SOLD_ELSEWHERE
    if not path or not are_sound("SOLD_ELSEWHERE"):
        return []
    try:
        hook = import_string(path)
    except ImportError:
        hook = None
    if callable(hook):
        return []
    text = f"LOYALTY_SOLD_ELSEWHERE is {path!r}, which is no function that can be imported."
    hint = "Write the dotted path of a function that takes the order and answers True or False, or leave it empty."
    return [Error(text, hint=hint, id="loyalty_shop.E002")]
