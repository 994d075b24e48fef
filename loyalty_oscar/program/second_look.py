"""
What a number costs, said beside it; and a second look at what costs a lot or changes much for many.

A form has a field `is_meant` of `meant_field()`, which nobody sees; `look_twice` shows it, with what is asked. What a
program calls a lot stands on its page: `Program.much_percent` of the money paid, `Program.much_minor` for one gift, and
a part of that for what orders bring each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from django import forms
from django.utils.html import escape
from django.utils.safestring import SafeString
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.limits import MOST_BUDGET, MOST_POINTS
from loyalty_oscar.kernel.rounding import worth_minor

from . import money, words
from .hooks import earn_rates
from .models import Program, Unit
from .worth import rate_of, worth

#: What orders bring again and again is a lot at that part of a gift that is.
AGAIN = 5

MEANT = pgettext_lazy("loyalty", "Yes, I mean it")


def meant_field(*, label: Any = MEANT) -> forms.BooleanField:
    """Return the tick that a form shows where it looks twice."""
    return forms.BooleanField(label=label, required=False, initial=False, widget=forms.HiddenInput)


def show_tick(*, form: forms.BaseForm) -> None:
    """Show the tick of a form."""
    form.fields["is_meant"].widget = forms.CheckboxInput()


def look_twice(*, form: forms.BaseForm, questions: Iterable[str]) -> None:
    """Show the tick with these questions, and refuse the form until it is ticked. Called while it is cleaned."""
    asked = list(questions)
    if not asked or form.errors:
        return
    show_tick(form=form)
    if not form.cleaned_data.get("is_meant"):
        for text in asked:
            form.add_error("is_meant", text)


def tick(text: str) -> str:
    """Return what would happen, with what to do about it."""
    return pgettext("loyalty", "%(what)s Tick this if you mean it.") % {"what": text}


# What comes back of the money paid -------------------------------------------------------------------------------


def given_back(
    *, program: Program, at: datetime, points: int | None = None, minor: int | None = None
) -> Decimal | None:
    """
    Return how much of what members spend comes back by what counts for every purchase, in percent with one decimal.

    `points` that are worth `minor` stand for the stored worth in the program's currency. None where nobody can say.
    """
    unit = program.unit_or_none
    rates = [rate for rate in earn_rates.answers(unit=unit, at=at) if rate is not None] if unit else []
    row = program.worths.filter(currency=program.currency).first() if program.pk else None
    if points is None or minor is None:
        if row is None:
            return None
        points, minor = row.points, row.minor
    return as_percent(sum(rates, Fraction()) * Fraction(minor, points)) if rates else None


def as_percent(part: Fraction) -> Decimal:
    """Return a part of a whole as a percentage with one decimal."""
    whole = Decimal(part.numerator) * 100 / part.denominator
    return whole.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def back_in_words(percent: Decimal) -> str:
    """Return "You give back 4.3 % of the money paid."."""
    text = pgettext("loyalty", "You give back %(percent)s\u00a0%% of the money paid.")
    return text % {"percent": money.number(percent)}


def too_much_back(*, program: Program, percent: Decimal | None) -> list[str]:
    """Return the question about what comes back, where the program calls that a lot."""
    return [tick(back_in_words(percent))] if percent is not None and percent > program.much_percent else []


# What a gift costs -------------------------------------------------------------------------------------------------


def gift_in_words(*, unit: Unit, points: int | None, members: int = 0) -> str:
    """
    Return "Worth of 100 paws: €1.00. For all 2,000 members: up to €2,000.00.", or nothing.

    Without a number of points the example is a hundred.
    """
    said = {"points": words.points(unit=unit, points=points or 100), "worth": worth(unit=unit, points=points or 100)}
    if not said["worth"]:
        return ""
    if not points or members < 2:
        return pgettext("loyalty", "Worth of %(points)s: %(worth)s.") % said
    text = pgettext("loyalty", "Worth of %(points)s: %(worth)s. For all %(members)s members: up to %(sum)s.")
    return text % {**said, "members": money.number(members), "sum": worth(unit=unit, points=points * members)}


def dear(*, unit: Unit | None, points: int | None, before: int = 0, by_orders: bool = False) -> list[str]:
    """
    Return the question about a gift of points, where the program calls that a lot, and where it was less before.

    Of what comes `by_orders`, each time that one brings it, less is a lot.
    """
    row = rate_of(unit=unit) if unit and points else None
    if unit is None or points is None or row is None or not abs(before) < abs(points) <= MOST_POINTS:
        return []
    limit = much_each_time(program=unit.program) if by_orders else unit.program.much_minor
    if worth_minor(points=abs(points), per_points=row.points, minor=row.minor) <= limit:
        return []
    if by_orders:
        text = pgettext("loyalty", "Each time brings %(worth)s (%(points)s), more than the usual %(limit)s.")
        if unit.is_money:
            text = pgettext("loyalty", "Each time brings %(points)s, more than the usual %(limit)s.")
    else:
        text = pgettext("loyalty", "That comes to %(worth)s (%(points)s), more than the usual %(limit)s for a gift.")
        if unit.is_money:
            text = pgettext("loyalty", "That comes to %(points)s, more than the usual %(limit)s for a gift.")
    told = {"points": words.points(unit=unit, points=abs(points)), "worth": worth(unit=unit, points=abs(points))}
    return [tick(text % {**told, "limit": money.in_words(minor=limit, currency=row.currency)})]


def much_each_time(*, program: Program) -> int:
    """Return what a program calls a lot where orders bring it each time, in minor units of its currency."""
    return max(1, program.much_minor // AGAIN)


def dearer(*, form: forms.ModelForm[Any], unit: Unit | None, names: Iterable[str]) -> list[str]:
    """Return the questions about the points typed into these fields of a row's form, where they were fewer before."""
    stored = form.initial if form.instance.pk else {}
    asked = (dear(unit=unit, points=form.cleaned_data.get(name), before=stored.get(name) or 0) for name in names)
    return [text for said in asked for text in said]


def tell_cost(*, form: forms.ModelForm[Any], unit: Unit | None, names: Iterable[str], members: int = 0) -> None:
    """Say beside these fields of a form what the points in them are worth, as typed, else as stored."""
    if unit is None or unit.is_money:
        return
    for name in names:
        field = form.fields.get(name)
        if field is None:
            continue
        try:
            points = field.clean(form[name].value())
        except forms.ValidationError:
            points = None
        if points is not None and abs(points) > MOST_BUDGET:
            continue  # The field says so itself.
        cost = gift_in_words(unit=unit, points=points, members=members)
        # Help is markup to Django's admin, and what points are called was typed.
        told = SafeString(" ".join(filter(None, [str(field.help_text), escape(cost)])))
        # The field on the page was made when its value was asked for, and keeps the help of then.
        field.help_text = form[name].help_text = told
