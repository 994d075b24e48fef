"""
What segments ask of members' orders, birthdays and days of joining.

Money is typed in the program's currency and kept in minor units; orders in other currencies count as orders, and their
money does not. Orders of which nothing is left count nowhere. Days are times of 24 hours before the moment, but those
of birthdays are days of the program's calendar.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db.models import Avg, Count, Exists, F, Max, OuterRef, Q, QuerySet, Sum
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.periods import local_day
from loyalty_oscar.program import money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.forms import MOST_MINOR, PointsAsMoney
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.queries import members_within
from loyalty_oscar.program.registries import traits

from .models import Birthday, BuyerStats, Receipt
from .queries import RANKED, quintiles
from .rules import birthdays_within

Params = Mapping[str, Any]
Words = Mapping[str, str]
#: So many days, or orders, are asked for at most.
MOST_DAYS, MOST_ORDERS = 3650, 10_000
SCORES = (1, 2, 3, 4, 5)


class Ranged:
    """What traits of people share: a number that lies between `least` and `most`, either of them or both."""

    label: Any = ""
    is_personal = False

    def number(self, *, currency: str, **options: Any) -> forms.Field:
        """Return the field for such a number; most traits count days."""
        return forms.IntegerField(min_value=0, max_value=MOST_DAYS, **options)

    def word(self, number: int, currency: str) -> str:
        """Return such a number in words, without what it counts."""
        return money.number(number)

    def sentence(self, params: Params, told: Words) -> str:
        """Return what is asked, of which `told` are the numbers in words."""
        raise NotImplementedError

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        """Return the form fields of its parameters."""
        labels = {"least": pgettext_lazy("loyalty", "At least"), "most": pgettext_lazy("loyalty", "At most")}
        currency = _currency(program_id)
        return {name: self.number(currency=currency, label=label, required=False) for name, label in labels.items()}

    def wrong(self, *, params: Params) -> Mapping[str, str]:
        """Return what makes no sense, by the parameter: between more and less is nobody."""
        is_empty = _is_told(params, "least") and _is_told(params, "most") and params["most"] < params["least"]
        return {"most": pgettext("loyalty", "This is less than the least.")} if is_empty else {}

    def says(self, *, params: Params, program_id: int) -> str:
        """Return what it asks, in words."""
        currency = _currency(program_id)
        params = params if params.get("most") is not None else {**params, "least": params.get("least") or 0}
        return self.sentence(
            params, {name: self.word(params[name], currency) for name in ("least", "most") if _is_told(params, name)}
        )


class OfOrders(Ranged):
    """A number that is counted from standing receipts, of the last `days` or of all."""

    measure: Any
    is_money = True
    #: Whether who has none of what is counted has 0 of it; else nothing is true of them.
    is_zero_for_others = False

    def number(self, *, currency: str, **options: Any) -> forms.Field:
        if self.is_money:
            return PointsAsMoney(currency=currency, min_value=0, max_value=MOST_MINOR, **options)
        return forms.IntegerField(min_value=0, max_value=MOST_ORDERS, **options)

    def word(self, number: int, currency: str) -> str:
        return money.in_words(minor=number, currency=currency) if self.is_money else money.number(number)

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        label = pgettext_lazy("loyalty", "In the last so many days")
        days = forms.IntegerField(
            label=label, min_value=1, max_value=MOST_DAYS, required=False,
            help_text=pgettext_lazy("loyalty", "Empty: ever."),
        )  # fmt: skip
        return {**super().fields(program_id=program_id), "days": days}

    def says(self, *, params: Params, program_id: int) -> str:
        what = super().says(params=params, program_id=program_id)
        if not params.get("days"):
            return what
        text = npgettext(
            "loyalty", "%(what)s in the last %(days)s day", "%(what)s in the last %(days)s days", params["days"]
        )
        return text % {"what": what, "days": money.number(params["days"])}

    def holders(self, *, program_id: int, params: Params, at: datetime, after: int, last: int) -> Collection[int]:
        """Return the members of whom it is true. One query; two where it is true of those without orders."""
        rows = _receipts(program_id, after, last).filter(placed_at__lte=at)
        if params.get("days"):
            rows = rows.filter(placed_at__gt=at - timedelta(days=params["days"]))
        if self.is_money:
            rows = rows.filter(currency=F("program__currency"))
        counted = rows.order_by().values("member_id").annotate(value=self.measure)
        if not self.is_zero_for_others or params.get("least"):
            return set(_between(counted, "value", params).values_list("member_id", flat=True))
        found = _members(program_id, after, last)
        if not _is_told(params, "most"):
            return found
        return found.difference(counted.filter(value__gt=params["most"]).values_list("member_id", flat=True))


class OrderNumber(OfOrders):
    """How many orders stand."""

    label = pgettext_lazy("loyalty", "Number of orders")
    measure, is_money, is_zero_for_others = Count("pk"), False, True

    def sentence(self, params: Params, told: Words) -> str:
        if len(told) == 2:
            text = npgettext("loyalty", "%(least)s to %(most)s order", "%(least)s to %(most)s orders", params["most"])
        elif "least" in told:
            text = npgettext("loyalty", "at least %(least)s order", "at least %(least)s orders", params["least"])
        else:
            text = npgettext("loyalty", "at most %(most)s order", "at most %(most)s orders", params["most"])
        return text % told


class Spent(OfOrders):
    """How much is left of what was paid for goods."""

    label = pgettext_lazy("loyalty", "Spent on goods")
    measure, is_zero_for_others = Sum("paid_minor"), True

    def sentence(self, params: Params, told: Words) -> str:
        if len(told) == 2:
            text = pgettext("loyalty", "spent %(least)s to %(most)s")
        elif "least" in told:
            text = pgettext("loyalty", "spent at least %(least)s")
        else:
            text = pgettext("loyalty", "spent at most %(most)s")
        return text % told


class AverageOrder(OfOrders):
    """What somebody pays for the goods of an order on average."""

    label = pgettext_lazy("loyalty", "Average order")
    measure = Avg("paid_minor")

    def sentence(self, params: Params, told: Words) -> str:
        if len(told) == 2:
            text = pgettext("loyalty", "%(least)s to %(most)s an order on average")
        elif "least" in told:
            text = pgettext("loyalty", "at least %(least)s an order on average")
        else:
            text = pgettext("loyalty", "at most %(most)s an order on average")
        return text % told


class BiggestOrder(OfOrders):
    """What somebody paid for the goods of the biggest order."""

    label = pgettext_lazy("loyalty", "Biggest order")
    measure = Max("paid_minor")

    def sentence(self, params: Params, told: Words) -> str:
        if len(told) == 2:
            text = pgettext("loyalty", "biggest order of %(least)s to %(most)s")
        elif "least" in told:
            text = pgettext("loyalty", "biggest order of at least %(least)s")
        else:
            text = pgettext("loyalty", "biggest order of at most %(most)s")
        return text % told


class LastOrder(Ranged):
    """How many days ago the last order was placed; true of nobody without one."""

    label = pgettext_lazy("loyalty", "Days since the last order")

    def sentence(self, params: Params, told: Words) -> str:
        if len(told) == 2:
            text = npgettext(
                "loyalty",
                "last order %(least)s to %(most)s day ago",
                "last order %(least)s to %(most)s days ago",
                params["most"],
            )
        elif "least" in told:
            text = npgettext(
                "loyalty",
                "last order at least %(least)s day ago",
                "last order at least %(least)s days ago",
                params["least"],
            )
        else:
            text = npgettext(
                "loyalty", "last order at most %(most)s day ago", "last order at most %(most)s days ago", params["most"]
            )
        return text % told

    def holders(self, *, program_id: int, params: Params, at: datetime, after: int, last: int) -> Collection[int]:
        """Return the members of whom it is true. One query."""
        rows = _receipts(program_id, after, last).filter(placed_at__lte=at)
        last_of = rows.order_by().values("member_id").annotate(day=Max("placed_at"))
        return set(_days_ago(last_of, "day", params, at).values_list("member_id", flat=True))


class Joined(Ranged):
    """How many days ago somebody became a member."""

    label = pgettext_lazy("loyalty", "Days since joining")

    def sentence(self, params: Params, told: Words) -> str:
        if len(told) == 2:
            text = npgettext(
                "loyalty",
                "joined %(least)s to %(most)s day ago",
                "joined %(least)s to %(most)s days ago",
                params["most"],
            )
        elif "least" in told:
            text = npgettext(
                "loyalty", "joined at least %(least)s day ago", "joined at least %(least)s days ago", params["least"]
            )
        else:
            text = npgettext(
                "loyalty", "joined at most %(most)s day ago", "joined at most %(most)s days ago", params["most"]
            )
        return text % told

    def holders(self, *, program_id: int, params: Params, at: datetime, after: int, last: int) -> Collection[int]:
        """Return the members of whom it is true. One query."""
        rows = members_within(program_id=program_id, after=after, last=last).filter(joined_at__lte=at)
        return set(_days_ago(rows, "joined_at", params, at).values_list("pk", flat=True))


class Late:
    """
    Who would have ordered again by now, going by the usual time between orders. As of last night, and not of those who
    have ordered since.
    """

    label = pgettext_lazy("loyalty", "Misses the next order")
    is_personal = False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        """Return nothing: everybody's own rhythm says it."""
        return {}

    def says(self, *, params: Params, program_id: int) -> str:
        """Return what it asks, in words."""
        return pgettext("loyalty", "misses the next order, going by the usual time between orders")

    def holders(self, *, program_id: int, params: Params, at: datetime, after: int, last: int) -> Collection[int]:
        """Return the members of whom it is true. One query."""
        since = Receipt.objects.using(write_db()).filter(member=OuterRef("member"), placed_at__gt=OuterRef("last_at"))
        rows = _buyers(program_id, after, last).filter(~Exists(since.filter(is_gone=False)), late_at__lte=at)
        return set(rows.values_list("member_id", flat=True))


class Cell:
    """
    Where a buyer stands among all buyers of the program, in fifths: how lately (`recency`), how often (`frequency`) and
    for how much (`money`) somebody bought; 5 is the best. As of last night.

    Whoever buys alike stands alike: a fifth is by how many buyers stand strictly below.
    """

    label = pgettext_lazy("loyalty", "Fifth of the buyers")
    is_personal = False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        """Return the form fields of its parameters."""
        labels = {
            "recency": pgettext_lazy("loyalty", "By how lately they bought"),
            "frequency": pgettext_lazy("loyalty", "By how often they bought"),
            "money": pgettext_lazy("loyalty", "By how much they spent"),
        }
        text = pgettext_lazy("loyalty", "5 are the best. None: any.")
        choices = [(score, score) for score in SCORES]
        return {
            name: forms.TypedMultipleChoiceField(
                label=label, choices=choices, coerce=int, required=False, help_text=text,
                widget=forms.CheckboxSelectMultiple,
            )
            for name, label in labels.items()
        }  # fmt: skip

    def says(self, *, params: Params, program_id: int) -> str:
        """Return what it asks, in words."""
        told = [_fifths(name, params[name]) for name in RANKED if params.get(name)]
        return ", ".join(told) or pgettext("loyalty", "any buyer")

    def holders(self, *, program_id: int, params: Params, at: datetime, after: int, last: int) -> Collection[int]:
        """Return the members of whom it is true. Two queries."""
        rows = _buyers(program_id, after, last)
        cuts = quintiles(program_id=program_id)
        for name, (column, values) in cuts.items():
            asked = [_in_fifth(column, values, score) for score in params.get(name) or ()]
            if asked:
                rows = rows.filter(_any(asked))
        return set(rows.values_list("member_id", flat=True))


class BirthdaySoon:
    """Whose birthday is today or within the next `days`; on 29 February where a year has none, on the 28th."""

    label = pgettext_lazy("loyalty", "Birthday soon")
    is_personal = False

    def fields(self, *, program_id: int) -> Mapping[str, Any]:
        """Return the form fields of its parameters."""
        label = pgettext_lazy("loyalty", "Within the next so many days")
        text = pgettext_lazy("loyalty", "0: today.")
        return {"days": forms.IntegerField(label=label, min_value=0, max_value=365, initial=7, help_text=text)}

    def says(self, *, params: Params, program_id: int) -> str:
        """Return what it asks, in words."""
        days = params.get("days") or 0
        if not days:
            return pgettext("loyalty", "birthday today")
        text = npgettext(
            "loyalty", "birthday within the next %(days)s day", "birthday within the next %(days)s days", days
        )
        return text % {"days": money.number(days)}

    def holders(self, *, program_id: int, params: Params, at: datetime, after: int, last: int) -> Collection[int]:
        """Return the members of whom it is true. Two queries."""
        zone = Program.objects.using(write_db()).values_list("time_zone", flat=True).get(pk=program_id)
        kept = birthdays_within(first=local_day(at=at, zone=zone), days=params.get("days") or 0)
        members = members_within(program_id=program_id, after=after, last=last)
        rows = Birthday.objects.using(write_db()).filter(member__in=members)
        rows = rows.filter(month__in={month for month, _day in kept})
        told = rows.values_list("member_id", "month", "day")
        return {member_id for member_id, month, day in told if (month, day) in kept}


def _is_told(params: Params, name: str) -> bool:
    return params.get(name) is not None


def _currency(program_id: int) -> str:
    return str(Program.objects.using(write_db()).values_list("currency", flat=True).get(pk=program_id))


def _members(program_id: int, after: int, last: int) -> set[int]:
    return set(members_within(program_id=program_id, after=after, last=last).values_list("pk", flat=True))


def _receipts(program_id: int, after: int, last: int) -> QuerySet[Receipt]:
    """Return the standing receipts of a slice of members."""
    rows = Receipt.objects.using(write_db()).filter(member_id__gt=after, member_id__lte=last)
    return rows.filter(program_id=program_id, is_gone=False)


def _buyers(program_id: int, after: int, last: int) -> QuerySet[BuyerStats]:
    """Return how the members of a slice buy who have an order that stands."""
    rows = BuyerStats.objects.using(write_db()).filter(member_id__gt=after, member_id__lte=last)
    return rows.filter(member__program_id=program_id, orders__gt=0)


def _between(rows: QuerySet[Any, Any], name: str, params: Params) -> QuerySet[Any, Any]:
    rows = rows.filter(**{f"{name}__gte": params["least"]}) if _is_told(params, "least") else rows
    return rows.filter(**{f"{name}__lte": params["most"]}) if _is_told(params, "most") else rows


def _days_ago(rows: QuerySet[Any, Any], name: str, params: Params, at: datetime) -> QuerySet[Any, Any]:
    """Return those of the rows whose moment lies so many days ago, begun days not counted."""
    if _is_told(params, "least"):
        rows = rows.filter(**{f"{name}__lte": at - timedelta(days=params["least"])})
    if _is_told(params, "most"):
        rows = rows.filter(**{f"{name}__gt": at - timedelta(days=params["most"] + 1)})
    return rows


def _in_fifth(column: str, cuts: list[Any], score: int) -> Q:
    """Return the condition that a value is in a fifth: above the cut below it, and not above its own."""
    above = Q(**{f"{column}__gt": cuts[score - 2]}) if score > SCORES[0] else Q()
    return above & Q(**{f"{column}__lte": cuts[score - 1]}) if score < SCORES[-1] else above


def _fifths(name: str, scores: Sequence[int]) -> str:
    """Return in words in which fifths somebody is to be, by what buyers are ranked by."""
    number = len(scores)
    texts = {
        "recency": npgettext(
            "loyalty",
            "fifth %(fifths)s by how lately they bought",
            "fifths %(fifths)s by how lately they bought",
            number,
        ),
        "frequency": npgettext(
            "loyalty", "fifth %(fifths)s by how often they bought", "fifths %(fifths)s by how often they bought", number
        ),
        "money": npgettext(
            "loyalty", "fifth %(fifths)s by how much they spent", "fifths %(fifths)s by how much they spent", number
        ),
    }
    return texts[name] % {"fifths": money.listed(numbers=scores)}


def _any(conditions: Collection[Q]) -> Q:
    found = Q(pk__in=())
    for condition in conditions:
        found |= condition
    return found


traits.register("orders")(OrderNumber())
traits.register("spend")(Spent())
traits.register("last")(LastOrder())
traits.register("basket")(AverageOrder())
traits.register("biggest")(BiggestOrder())
traits.register("late")(Late())
traits.register("cell")(Cell())
traits.register("birthday")(BirthdaySoon())
traits.register("joined")(Joined())
