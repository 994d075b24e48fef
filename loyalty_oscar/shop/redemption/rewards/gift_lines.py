"""Lines of a basket that are gifts: told from one's own pieces of the same product by an option of Oscar's."""

from __future__ import annotations

from typing import Any

from oscar.core.loading import get_model

from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.queries import forget_cache, remembered, shown_units, versions

#: For ever: lines of baskets and orders name it.
OPTION = "loyalty-gift"


def option_key() -> int | None:
    """Return the key of the option that gifts bear; None in a shop that has none (remembered). No rewards, no query."""
    if not any(unit.program.known_rewards for unit in shown_units()):
        return None
    return remembered(key="gift-option", version=versions(), load=_option_key)


def _option_key() -> int | None:
    options = get_model("catalogue", "Option").objects.using(write_db()).filter(code=OPTION)
    key: int | None = options.values_list("pk", flat=True).first()
    return key


def gift_option() -> Any:
    """Return the option that gifts bear, made with the first."""
    option = get_model("catalogue", "Option")
    found, made = option.objects.using(write_db()).get_or_create(
        code=OPTION, defaults={"name": "Gift", "required": False}
    )
    if made:
        forget_cache()
    return found


def is_gift(*, line: Any) -> bool:
    """Return whether a line of a basket is a gift. No query where lines were loaded as Oscar loads them."""
    key = option_key()
    return key is not None and line.pk is not None and any(one.option_id == key for one in line.attributes.all())


def gifts_in(*, basket: Any) -> list[Any]:
    """Return the lines of a basket that are gifts."""
    return [line for line in basket.all_lines() if is_gift(line=line)] if option_key() is not None else []
