"""What the reasons of earning say: one sentence for an entry, and a row for each step of a why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Any

from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.rounding import percentage
from loyalty_oscar.program import money
from loyalty_oscar.program.languages import called
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Program, Unit
from loyalty_oscar.program.queries import remembered, version_of
from loyalty_oscar.program.segments import segment_names
from loyalty_oscar.program.words import day, reasons, say
from loyalty_oscar.program.words import number as number_in_words
from loyalty_oscar.program.words import points as points_in_words

Params = Mapping[str, Any]
WEEKDAYS = {
    1: pgettext_lazy("loyalty", "Monday"),
    2: pgettext_lazy("loyalty", "Tuesday"),
    3: pgettext_lazy("loyalty", "Wednesday"),
    4: pgettext_lazy("loyalty", "Thursday"),
    5: pgettext_lazy("loyalty", "Friday"),
    6: pgettext_lazy("loyalty", "Saturday"),
    7: pgettext_lazy("loyalty", "Sunday"),
}


@dataclass(frozen=True, slots=True)
class WhyRow:
    """One row of a why: words on the left, a number on the right."""

    text: str
    value: str
    is_total: bool = False


@say("order_earned")
def _order_earned(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s") % {"number": p.get("number", "")}


@say("line_came_late")
def _line_came_late(p: Params) -> str:
    return pgettext("loyalty", "Added to order %(number)s") % {"number": p.get("number", "")}


@say("rule_came_back")
def _rule_came_back(p: Params) -> str:
    return pgettext("loyalty", "Counted late: order %(number)s") % {"number": p.get("number", "")}


@say("goods_returned")
def _goods_returned(p: Params) -> str:
    units = int(p.get("units", 0))
    text = npgettext(
        "loyalty",
        "%(units)d piece of order %(number)s went back",
        "%(units)d pieces of order %(number)s went back",
        units,
    )
    return text % {"units": units, "number": p.get("number", "")}


@say("order_came_to_nothing")
def _order_came_to_nothing(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s was cancelled") % {"number": p.get("number", "")}


@say("order_stands_again")
def _order_stands_again(p: Params) -> str:
    return pgettext("loyalty", "Order %(number)s goes ahead after all") % {"number": p.get("number", "")}


@say("nothing_paid")
def _nothing_paid(p: Params) -> str:
    return pgettext("loyalty", "Only money paid for goods counts, and none was paid")


@say("excluded_set_untied")
def _excluded_set_untied(p: Params) -> str:
    return pgettext("loyalty", "The shop could not count this just then")


@say("all_excluded")
def _all_excluded(p: Params) -> str:
    return pgettext("loyalty", "These products bring none")


@say("member_frozen")
def _member_frozen(p: Params) -> str:
    if p.get("now"):
        return pgettext("loyalty", "Orders bring nothing at the moment")
    return pgettext("loyalty", "Orders brought nothing just then")


@say("no_rule")
def _no_rule(p: Params) -> str:
    return pgettext("loyalty", "Nothing in it counts at the moment")


@say("earned")
def _earned(p: Params) -> str:
    if p.get("delivery_minor"):
        return pgettext("loyalty", "Counted on what you paid for goods and delivery, after discounts")
    return pgettext("loyalty", "Counted on what you paid for goods, after discounts")


def money_back(*, unit: Unit, points: int, step_minor: int, currency: str) -> str:
    """
    Return "1 %": what a rule gives of the money paid, where what it gives is money of that very currency.

    Empty where a share would say something else than orders do: two currencies, full steps only, or one that is no
    percentage with two decimals (0.01 for each 3.00).
    """
    is_share = unit.is_money and currency == unit.program.currency and unit.program.rounding != Program.Rounding.BLOCK
    percent = percentage(part=points, whole=step_minor) if is_share else None
    return "" if percent is None else pgettext("loyalty", "%(percent)s\u00a0%%") % {"percent": money.number(percent)}


@say("per_amount")
def _per_amount(p: Params) -> str:
    step = money.in_words(minor=int(p["step_minor"]), currency=p["currency"])
    rate = {"points": int(p["points"]), "step_minor": int(p["step_minor"]), "currency": p["currency"]}
    if "unit" in p and (share := money_back(unit=p["unit"], **rate)):
        return pgettext("loyalty", "%(share)s of what you paid") % {"share": share}
    if "unit" in p:  # Known where the reader is a shopper: "2 paws", not "2 points".
        points = points_in_words(unit=p["unit"], points=int(p["points"]))
        return pgettext("loyalty", "%(points)s for each %(step)s") % {"points": points, "step": step}
    text = npgettext(
        "loyalty", "%(points)d point for each %(step)s", "%(points)d points for each %(step)s", int(p["points"])
    )
    return text % {"points": p["points"], "step": step}


@say("multiplier")
def _multiplier(p: Params) -> str:
    return pgettext("loyalty", "%(rule)s: %(percent)d\u00a0%% more") % {
        "rule": p.get("rule", ""),
        "percent": int(p["percent"]) - 100,
    }


@say("tier_bonus")
def _tier_bonus(p: Params) -> str:
    return pgettext("loyalty", "%(tier)s: %(percent)d\u00a0%% more") % {
        "tier": called(name=p.get("rule", ""), names=p.get("names", {})),
        "percent": int(p["percent"]) - 100,
    }


@say("per_unit")
def _per_unit(p: Params) -> str:
    if "unit" in p and p["unit"].is_money:
        amount = points_in_words(unit=p["unit"], points=int(p["points"]))
        text = pgettext("loyalty", "%(rule)s: %(amount)s for each piece")
        return text % {"rule": p.get("rule", ""), "amount": amount}
    return pgettext("loyalty", "%(rule)s: %(points)d for each piece") % {
        "rule": p.get("rule", ""),
        "points": int(p["points"]),
    }


@say("first_order")
def _first_order(p: Params) -> str:
    return pgettext("loyalty", "%(rule)s") % {"rule": p.get("rule", "")}


@say("per_order")
def _per_order(p: Params) -> str:
    return pgettext("loyalty", "%(rule)s") % {"rule": p.get("rule", "")}


@say("every_nth")
def _every_nth(p: Params) -> str:
    each = points_in_words(unit=p["unit"], points=int(p["points"])) if "unit" in p else money.number(int(p["points"]))
    text = pgettext("loyalty", "%(rule)s: %(points)s for every %(pieces)s pieces")
    return text % {"rule": p.get("rule", ""), "points": each, "pieces": money.number(int(p["pieces"]))}


@say("on_weekdays")
def _on_weekdays(p: Params) -> str:
    days = [str(WEEKDAYS[number]) for number in p["weekdays"]]
    if list(p["weekdays"]) == [6, 7]:
        return pgettext("loyalty", "at weekends (Saturday and Sunday)")
    if len(days) == 1:
        return pgettext("loyalty", "on a %(day)s") % {"day": days[0]}
    text = pgettext("loyalty", "on a %(days)s or %(last)s")
    return text % {"days": ", ".join(days[:-1]), "last": days[-1]}


@say("at_hours")
def _at_hours(p: Params) -> str:
    told = {"start": p.get("start", ""), "end": p.get("end", "")}
    if told["start"] and told["end"]:
        return pgettext("loyalty", "ordered from %(start)s on and before %(end)s") % told
    if told["start"]:
        return pgettext("loyalty", "ordered from %(start)s on until midnight") % told
    return pgettext("loyalty", "ordered after midnight and before %(end)s") % told


@say("order_pieces")
def _order_pieces(p: Params) -> str:
    pieces = int(p["pieces"])
    text = npgettext(
        "loyalty",
        "in orders with at least %(number)s paid piece",
        "in orders with at least %(number)s paid pieces",
        pieces,
    )
    if p.get("of_order"):
        text = npgettext(
            "loyalty",
            "if it has at least %(number)s paid piece",
            "if it has at least %(number)s paid pieces",
            pieces,
        )
    return text % {"number": money.number(pieces)}


@say("line_pieces")
def _line_pieces(p: Params) -> str:
    pieces = int(p["pieces"])
    text = npgettext(
        "loyalty",
        "from %(number)s piece of one product on",
        "from %(number)s pieces of one product on",
        pieces,
    )
    return text % {"number": money.number(pieces)}


def _segments(program_id: int) -> Mapping[int, str]:
    """Return the names of a program's groups of members (remembered), for a page that reads many rules."""
    version = version_of(program_id=program_id)
    load = partial(segment_names, program_id=program_id)
    return remembered(key=("segment-names", program_id), version=version, load=load)


@say("in_segment")
def _in_segment(p: Params) -> str:
    name = _segments(p["unit"].program_id).get(p["segment"]) if "unit" in p else None
    if name is None:
        return pgettext("loyalty", "for members in a group that is not there")
    return pgettext("loyalty", "for members in the group “%(group)s”") % {"group": name}


def _most(p: Params) -> str:
    return points_in_words(unit=p["unit"], points=int(p["points"])) if "unit" in p else money.number(int(p["points"]))


@say("cap_per_order")
def _cap_per_order(p: Params) -> str:
    return pgettext("loyalty", "at most %(points)s an order") % {"points": _most(p)}


@say("cap_per_day")
def _cap_per_day(p: Params) -> str:
    return pgettext("loyalty", "at most %(points)s a day for each member") % {"points": _most(p)}


@say("cap_per_month")
def _cap_per_month(p: Params) -> str:
    return pgettext("loyalty", "at most %(points)s a calendar month for each member") % {"points": _most(p)}


@say("cap_per_member")
def _cap_per_member(p: Params) -> str:
    return pgettext("loyalty", "at most %(points)s in all for each member") % {"points": _most(p)}


@say("budget_in_all")
def _budget_in_all(p: Params) -> str:
    return pgettext("loyalty", "at most %(points)s for all members together") % {"points": _most(p)}


@say("budget_spent")
def _budget_spent(p: Params) -> str:
    return pgettext("loyalty", "%(rule)s: not more, for all of it is given") % {"rule": p.get("rule", "")}


@say("most_of_a_day")
def _most_of_a_day(p: Params) -> str:
    told = {"rule": p.get("rule", ""), "points": _most(p)}
    return pgettext("loyalty", "%(rule)s: not more, for a day brings at most %(points)s") % told


@say("most_of_a_month")
def _most_of_a_month(p: Params) -> str:
    told = {"rule": p.get("rule", ""), "points": _most(p)}
    return pgettext("loyalty", "%(rule)s: not more, for a calendar month brings at most %(points)s") % told


@say("most_of_a_member")
def _most_of_a_member(p: Params) -> str:
    told = {"rule": p.get("rule", ""), "points": _most(p)}
    return pgettext("loyalty", "%(rule)s: not more, for it brings each member at most %(points)s") % told


@say("spent_at_least")
def _spent_at_least(p: Params) -> str:
    least = money.in_words(minor=int(p["minimum_minor"]), currency=p["currency"])
    if p.get("of_order"):  # Points for an order, whose first one counts whatever it comes to.
        return pgettext("loyalty", "if it comes to at least %(amount)s") % {"amount": least}
    return pgettext("loyalty", "in orders of at least %(amount)s") % {"amount": least}


@say("placed_between")
def _placed_between(p: Params) -> str:
    # Days of the program's own calendar, so no zone moves them.
    first, last = (day(date.fromisoformat(p[d]), zone="UTC") if p.get(d) else "" for d in ("first", "last"))
    if first and last:
        return pgettext("loyalty", "from %(first)s to %(last)s") % {"first": first, "last": last}
    if first:
        return pgettext("loyalty", "from %(first)s") % {"first": first}
    return pgettext("loyalty", "until %(last)s") % {"last": last}


@say("level_at_least")
def _level_at_least(p: Params) -> str:
    called = levels(program_id=p["unit"].program_id) if "unit" in p else {}
    rank = int(p["rank"])
    if rank not in called:
        return pgettext("loyalty", "for members of level %(rank)s, which is not there") % {"rank": money.number(rank)}
    if rank == max(called):
        return pgettext("loyalty", "for members of level %(level)s") % {"level": called[rank]}
    return pgettext("loyalty", "for members of level %(level)s or higher") % {"level": called[rank]}


def on_products(*, names: Sequence[str], is_in_each: bool = False) -> str:
    """Return on which products something counts: in some of these sets, or only what is in each; on all without any."""
    if not names:
        return pgettext("loyalty", "on everything")
    told = {"products": ", ".join(names)}
    if is_in_each:
        return pgettext("loyalty", "on what is in each of %(products)s") % told
    return pgettext("loyalty", "on %(products)s") % told


def in_one_order(*, is_first: bool) -> str:
    """Return where points count that an order brings once."""
    return pgettext("loyalty", "in a first order") if is_first else pgettext("loyalty", "in one order")


ROUNDED = {
    "floor:order": lambda: pgettext("loyalty", "Rounded down"),
    "half_up:order": lambda: pgettext("loyalty", "Rounded"),
    "ceil:order": lambda: pgettext("loyalty", "Rounded up"),
    "floor:line": lambda: pgettext("loyalty", "Each product rounded down"),
    "half_up:line": lambda: pgettext("loyalty", "Each product rounded"),
    "ceil:line": lambda: pgettext("loyalty", "Each product rounded up"),
    "block:order": lambda: pgettext("loyalty", "Full steps only"),
}


def _share(unit: Unit, exact: str) -> str:
    """Return an exact share ("74.20") in the reader's words; parts of a cent are kept."""
    if not unit.is_money:
        return money.number(Decimal(exact), places=2)
    places = money.exponent(currency=unit.program.currency)
    amount = Decimal(exact).scaleb(-places)
    is_round = amount == round(amount, places)
    return money.number(amount, places=places if is_round else places + 2)


def _words(because: Mapping[str, Any], unit: Unit) -> str:
    told = {**because.get("p", {}), "unit": unit}
    return reasons.get(because["c"])(told) if because["c"] in reasons else because["c"]


def why_rows(*, because: Mapping[str, Any], unit: Unit) -> list[WhyRow]:
    """
    Return a stored reason (`Award.because`) as rows: what was paid, each step with its exact share, one rounding.

    A reason without steps (nothing earned) is one row with the sentence; what was added later comes below the total.
    """
    p = because.get("p", {})
    if because["c"] != "earned":
        return [WhyRow(_words(because, unit), "")]
    rows = [
        WhyRow(
            pgettext("loyalty", "Goods, after discounts"),
            money.in_words(minor=p["base_minor"], currency=p["currency"]),
        )
    ]
    if p.get("delivery_minor"):
        delivery = money.in_words(minor=p["delivery_minor"], currency=p["currency"])
        rows.append(WhyRow(pgettext("loyalty", "Delivery"), delivery))
    for number, step in enumerate(p["steps"]):
        rows.append(WhyRow(_words(step, unit), ("+" if number else "") + _share(unit, step["p"]["exact"])))
    rows += [WhyRow(_words(cut, unit), "") for cut in p.get("cut", ())]
    rounded = ROUNDED.get(p["rounding"], ROUNDED["floor:order"])()
    points = p["points"]
    rows.append(WhyRow(rounded, points_in_words(unit=unit, points=points), is_total=True))
    for late in p.get("late", ()):
        points += late["points"]
        paid = money.in_words(minor=late["base_minor"], currency=p["currency"])
        text = pgettext("loyalty", "Added to the order later: %(amount)s") % {"amount": paid}
        rows.append(WhyRow(text, number_in_words(unit=unit, points=late["points"], signed=True)))
    if p.get("late"):
        rows.append(WhyRow(pgettext("loyalty", "In all"), points_in_words(unit=unit, points=points), is_total=True))
    return rows
