"""The control that uses points, above the totals: what is used, what could be, and why not more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.functional import cached_property
from django.utils.translation import npgettext, pgettext

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import clock, contributions, money, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.models import Unit
from loyalty_oscar.redemption.models import Redemption, UseTerms
from loyalty_oscar.redemption.queries import promised, terms_of, worth_in
from loyalty_oscar.redemption.rules import RedemptionQuote, Worth
from loyalty_oscar.redemption.words import sentence

from ..pricing.amounts import grain
from ..storefront.visit import Visit
from . import session_state
from .discount import applied_to
from .promise import has_run_out, is_seen_again, set_aside_for
from .quotes import quote_of, reason, to_pay
from .trying import Savings
from .use_points import may_use

Piece = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class BasketPoints:
    """Where a member stands with points in one basket."""

    unit: Unit
    account: Account
    terms: UseTerms
    basket: Any
    redemption: Redemption | None
    quote: RedemptionQuote
    worth: Worth | None
    minor: int
    request: Any

    @property
    def asked(self) -> int:
        """Return the points that were asked for."""
        return self.redemption.hold.asked if self.redemption else 0

    @property
    def used(self) -> int:
        """Return the points that would be charged."""
        return self.worth.price(self.minor) if self.worth else 0

    @cached_property
    def usable(self) -> int:
        """Return the points that this basket may use: what is ready, and what it uses."""
        return may_use(account=self.account, redemption=self.redemption, at=clock.now())

    @property
    def is_ignored(self) -> bool:
        """Return whether points are set aside and no offer of the shop takes anything off for them: it is not there."""
        return self.redemption is not None and applied_to(basket=self.basket) is None

    @property
    def ready(self) -> int:
        """Return the points that are ready: all but what is set aside, which is what this basket uses."""
        return self.usable - self.used

    @cached_property
    def savings(self) -> Savings | None:
        """Return what the order's total falls by; None where points buy nothing or a payment is under way."""
        applied = applied_to(basket=self.basket)
        if self.worth is None or (applied and applied.promise):
            return None
        most = min(self.usable, self.most)
        told = {"basket": self.basket, "unit": self.unit, "worth": self.worth, "request": self.request}
        return Savings(goods=self.brings, most=most, **told)

    def saves(self, points: int) -> int:
        """Return what the order's total falls by for so many points, in minor units; below zero it gets dearer."""
        return self.savings.of(points) if self.savings else self.brings(points)

    def brings(self, points: int) -> int:
        """Return what so many points would take off the goods, in minor units: an amount that the shop can write."""
        each = grain(currency=self.basket.currency)
        return self.worth.in_grains(each).of(min(points, self.most)) * each if self.worth else 0

    @property
    def most(self) -> int:
        """Return how many points this basket takes at all."""
        return max(self.quote.most, self.used)

    def points(self, points: int) -> str:
        return words.points(unit=self.unit, points=points)

    def money(self, minor: int) -> str:
        return money.in_words(minor=minor, currency=self.basket.currency) if self.worth else ""

    @property
    def is_money(self) -> bool:
        """Whether a number of points is the very amount that it takes off this basket."""
        return self.unit.is_money and self.basket.currency == self.unit.program.currency


def standing_of(*, basket: Any, request: Any) -> BasketPoints | None:
    """Return where a visitor stands with points in a basket; None, and no query, for who has none or can't use any."""
    visit = request.loyalty
    if basket is None or basket.pk is None or basket.is_empty or visit.unit is None:
        return None
    terms, applied = terms_of(program_id=visit.unit.program_id), applied_to(basket=basket)
    if visit.account is None or (terms is None and not (applied and applied.promise)):
        return None
    # What was promised can still be taken out, though nobody can use any more by now.
    terms, redemption = terms or UseTerms(is_on=False), set_aside_for(basket=basket)
    today = worth_in(program_id=visit.unit.program_id, currency=basket.currency or "")
    return BasketPoints(
        unit=visit.unit,
        account=visit.account,
        terms=terms,
        basket=basket,
        redemption=redemption,
        quote=applied.quote if applied else quote_of(basket=basket, unit=visit.unit, redemption=redemption),
        worth=promised(redemption=redemption) if redemption else today,
        minor=applied.minor if applied else 0,
        request=request,
    )


@contributions.register("basket:totals", "redemption")
def control(*, subject: Any, request: Any) -> Piece | None:
    """Return the control for a member's basket."""
    if subject is not None:
        is_seen_again(basket=subject)
    found = standing_of(basket=subject, request=request)
    if found is None:
        return None
    said = session_state.recall(request=request, basket=subject)
    note = _note(found, said)
    _say_once(request, found, said)
    if not (found.usable or found.account.debt or found.redemption or note):
        return None
    can_change = found.terms.is_on and request.loyalty.is_spending and not found.account.debt
    can_change = can_change and bool(found.usable and found.quote.most) and not found.is_ignored
    suggested, warning = _advice(found) if can_change else (0, "")
    uses_all = found.asked >= found.usable > 0 and found.asked != suggested
    return "loyalty/widgets/points_control.html", {
        "title": pgettext("loyalty", "%(unit)s you can use") % {"unit": words.title(unit=found.unit)},
        "ready": found.points(found.ready),
        "ready_worth": found.money(found.worth.of(found.ready)) if found.worth and not found.is_money else "",
        "set_aside": pgettext("loyalty", "%(points)s in this basket") % {"points": found.points(found.used)}
        if found.used
        else "",
        "warning": warning,
        "most": found.usable,
        "slider": _slider(found),
        "step": found.terms.step,
        "asked": found.asked,
        "used": found.used,
        "note": note,
        "answer": _answer(found, request.loyalty),
        "can_change": can_change,
        "can_stop": can_change or found.redemption is not None,
        "suggested": {"points": suggested, "text": _button(found, suggested)} if suggested and can_change else None,
        "use_all": _use_all(found) if can_change else "",
        "uses_all": uses_all,
        "is_money": found.unit.is_money,
        "typed": said.get("typed", words.typed(unit=found.unit, points=found.asked)),
        "error": said.get("error", ""),
        "next": request.get_full_path(),
    }


def _advice(found: BasketPoints) -> tuple[int, str]:
    """Return the number that the first button offers, and what has to be said first where points add other costs."""
    most = min(found.usable, found.most)
    roundest = suggestion(ready=found.usable, most=found.quote.most, terms=found.terms, brings=found.brings)
    wanted = min(found.asked, most)
    if found.redemption and wanted > found.used and found.brings(wanted) > found.minor:
        roundest = wanted  # What was asked for before the basket had room for it.
    if found.savings is None or not found.savings.added(most):
        return roundest, ""
    step = found.terms.step
    free = found.savings.untouched(most) // step * step
    free = free if free >= found.terms.minimum and found.brings(free) else 0
    best = free if free and found.saves(free) >= found.saves(roundest) else roundest
    return best, _warning(found, found.savings, free, most)


def _warning(found: BasketPoints, savings: Savings, free: int, most: int) -> str:
    """Return what more than so many points bring with them."""
    told = {"points": found.points(free), "amount": found.money(savings.added(most))}
    if not savings.is_delivery(most):
        text = pgettext("loyalty", "With more than %(points)s, %(amount)s of other costs come on top.")
        none = pgettext("loyalty", "If you use any, %(amount)s of other costs come on top.")
    elif savings.is_free():
        text = pgettext("loyalty", "Up to %(points)s, delivery stays free. With more it costs %(amount)s.")
        none = pgettext("loyalty", "If you use any, delivery is no longer free: it costs %(amount)s.")
    else:
        text = pgettext("loyalty", "Up to %(points)s, delivery stays as it is. With more it costs %(amount)s more.")
        none = pgettext("loyalty", "If you use any, delivery costs %(amount)s more.")
    return (text if free else none) % told


def _slider(found: BasketPoints) -> dict[str, str]:
    """Return what the slider says where it stands and, with `{number}` and `{amount}`, while it is moved."""
    text = pgettext("loyalty", "%(unit)s: %(number)s, %(amount)s")
    if found.is_money:
        text = pgettext("loyalty", "%(unit)s: %(amount)s")
    said = {
        "unit": words.title(unit=found.unit),
        "number": words.number(unit=found.unit, points=found.asked),
        "amount": found.money(found.brings(found.asked)),
    }
    worth, places = found.worth, money.exponent(currency=found.basket.currency)
    zero = money.number(Decimal(0), places=places) if places else "0"
    point = Decimal(worth.minor) / worth.points / 10**places if worth else Decimal(0)
    return {
        "text": text % said,
        "says": text % {**said, "number": "{number}", "amount": found.money(0).replace(zero, "{amount}")},
        "point": f"{point:f}",
        "places": str(places),
    }


def suggestion(*, ready: int, most: int, terms: UseTerms, brings: Callable[[int], int]) -> int:
    """Return the roundest number that leaves half of what is ready and that the basket takes; 0 where there is none."""
    cap = min(ready // 2, most)
    round_numbers = (digit * 10**zeros for zeros in range(len(str(cap))) for digit in (1, 2, 5))
    fit = (n for n in round_numbers if terms.minimum <= n <= cap and n % terms.step == 0 and brings(n))
    return max(fit, default=0)


def _button(found: BasketPoints, points: int) -> str:
    told = {"points": found.points(points), "amount": _change(found, points)}
    if found.is_money and found.saves(points) == points:
        return pgettext("loyalty", "Use %(points)s") % told
    return pgettext("loyalty", "Use %(points)s: %(amount)s") % told


def _use_all(found: BasketPoints) -> str:
    if found.is_money and found.saves(found.usable) == found.usable:
        return pgettext("loyalty", "Use all: %(points)s") % {"points": found.points(found.usable)}
    told = {"number": words.short(unit=found.unit, points=found.usable), "amount": _change(found, found.usable)}
    return pgettext("loyalty", "Use all (%(number)s): %(amount)s") % told


def _change(found: BasketPoints, points: int) -> str:
    """Return what so many points do to the order's total: "−5.00 €", or "+1.04 €" where they make it dearer."""
    saved = found.saves(points)
    sign = "+" if saved < 0 else "\N{MINUS SIGN}"
    # The joiner keeps a line from ending between the sign and the amount.
    return f"{sign}\N{WORD JOINER}{found.money(abs(saved))}"


def _answer(found: BasketPoints, visit: Visit) -> dict[str, Any]:
    """Return what stands in the answer line: `text`, what follows it, and whether it is less than was asked."""
    if found.account.debt:
        text = pgettext("loyalty", "%(points)s to go, then you can use yours again.")
        return {"text": text % {"points": found.points(found.account.debt)}, "see_why": True}
    if visit.is_frozen and not found.minor:
        return {"text": words.why(Because("points_frozen"))}
    if found.is_ignored or (not visit.is_spending and not found.minor):
        text = pgettext("loyalty", "%(unit)s cannot be used at the moment. What you have stays yours.")
        return {"text": text % {"unit": words.title(unit=found.unit)}}
    why = _why(found)
    if not found.asked:
        text = pgettext("loyalty", "You use none.")
        stay = pgettext("loyalty", "You have %(number)s ready.")
        stay %= {"number": words.short(unit=found.unit, points=found.ready)}
        return {"text": text, "more": why if not found.quote.most else stay}
    more = _saved(found)
    if found.used >= found.asked:
        text = pgettext("loyalty", "You use %(points)s.") % {"points": found.points(found.used)}
        return {"text": text, "more": more, "is_less": bool(found.used) and found.saves(found.used) < found.minor}
    text = pgettext("loyalty", "%(number)s of %(points)s used.") % {
        "number": words.short(unit=found.unit, points=found.used),
        "points": found.points(found.asked),
    }
    return {"text": text, "more": f"{more} {why}" if found.used else why, "is_less": True}


def _saved(found: BasketPoints) -> str:
    """Return what the order's total fell by and what stays, or that it got dearer; then what was added to it."""
    saved, left = found.saves(found.used), found.points(found.ready)
    if found.worth and not found.is_money:
        left = f"{left} ({found.money(found.worth.of(found.ready))})"
    parts = {"amount": found.money(abs(saved)), "left": left}
    if saved < 0:
        return pgettext("loyalty", "Your order costs %(amount)s more, and you keep %(left)s.") % parts
    if not saved:
        return pgettext("loyalty", "Your order costs the same, and you keep %(left)s.") % parts
    if found.is_money and saved == found.used:
        return pgettext("loyalty", "You keep %(left)s.") % parts
    return pgettext("loyalty", "Saves %(amount)s, leaves %(left)s.") % parts


def _why(found: BasketPoints) -> str:
    """Return why no more is used."""
    return sentence(because=reason(because=found.quote.because, terms=found.terms), unit=found.unit)


def _note(found: BasketPoints, said: dict[str, Any]) -> dict[str, Any] | None:
    """Return what has to be said of a change that the visitor did not make: points came back, or take less off now."""
    if said.get("asked") and found.redemption is None:
        again = min(said["asked"], found.ready)
        text = pgettext("loyalty", "They were set aside for %(time)s. Your basket costs %(amount)s again.")
        if not has_run_out(basket=found.basket):
            text = pgettext("loyalty", "Your basket costs %(amount)s again.")
        lead = pgettext("loyalty", "You have your %(points)s back.")
        if found.ready < said["asked"]:
            # Some went otherwise: with goods that were returned, or past their date.
            text = pgettext("loyalty", "Your basket costs %(amount)s again.")
            lead = pgettext("loyalty", "We no longer set aside your %(points)s.")
        parts = {"time": _time(conf.HOLD_MINUTES), "amount": _total(found)}
        return {
            "text": lead % {"points": found.points(said["asked"])},
            "more": text % parts,
            "points": again,
            "why": "" if found.quote.most else _why(found),
            "again": _button(found, again) if again and found.worth and found.quote.most else "",
        }
    if "was" in said and said["was"] > found.minor:
        text = pgettext("loyalty", "%(unit)s: %(amount)s off now, not %(before)s. Your basket costs %(total)s.")
        parts = {
            "unit": words.title(unit=found.unit),
            "amount": found.money(found.minor),
            "before": found.money(said["was"]),
            "total": _total(found),
        }
        return {"text": pgettext("loyalty", "Please look at your total again."), "more": text % parts}
    return None


def _time(minutes: int) -> str:
    """Return "30 minutes", or whole hours."""
    hours, rest = divmod(minutes, 60)
    if hours and not rest:
        return npgettext("loyalty", "%(hours)d hour", "%(hours)d hours", hours) % {"hours": hours}
    return npgettext("loyalty", "%(minutes)d minute", "%(minutes)d minutes", minutes) % {"minutes": minutes}


def _total(found: BasketPoints) -> str:
    """Return what the goods cost now."""
    total = sum(to_pay(line=line) for line in found.basket.all_lines())
    return money.in_words(
        minor=money.to_minor(amount=total, currency=found.basket.currency), currency=found.basket.currency
    )


def _say_once(request: Any, found: BasketPoints, said: dict[str, Any]) -> None:
    """Remember what this page says; the session of who never used any is left alone."""
    if found.redemption or said:
        session_state.remember(request=request, basket=found.basket, asked=found.asked, minor=found.minor)
    elif session_state.KEY in request.session:
        session_state.forget(request=request)
