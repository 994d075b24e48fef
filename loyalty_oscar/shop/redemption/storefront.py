"""The control that uses points, above the totals: what is used, what could be, and why not more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property
from django.utils.text import capfirst
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
from . import session_state
from .discount import applied_to
from .promise import is_seen_again, set_aside_for
from .quotes import quote_of, to_pay
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

    @property
    def asked(self) -> int:
        """Return the points that were asked for."""
        return self.redemption.hold.asked if self.redemption else 0

    @property
    def used(self) -> int:
        """Return the points that would be charged."""
        return self.worth.price(self.minor) if self.worth else 0

    @cached_property
    def ready(self) -> int:
        """Return the points that this basket may use."""
        return may_use(account=self.account, redemption=self.redemption, at=clock.now())

    def brings(self, points: int) -> int:
        """Return what so many points would take off, in minor units: whole amounts that the shop can write."""
        each = grain(currency=self.basket.currency)
        return self.worth.in_grains(each).of(points) * each if self.worth else 0

    def points(self, points: int) -> str:
        return words.points(unit=self.unit, points=points)

    def money(self, minor: int) -> str:
        return money.in_words(minor=minor, currency=self.basket.currency) if self.worth else ""


def standing_of(*, basket: Any, visit: Any) -> BasketPoints | None:
    """Return where a visitor stands with points in a basket; None, and no query, for who has none or can't use any."""
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
    )


@contributions.register("basket:totals", "redemption")
def control(*, subject: Any, request: Any) -> Piece | None:
    """Return the control for a member's basket."""
    if subject is not None:
        is_seen_again(basket=subject)
    found = standing_of(basket=subject, visit=request.loyalty)
    if found is None:
        return None
    said = session_state.recall(request=request, basket=subject)
    note = _note(found, said)
    _say_once(request, found, said)
    if not (found.ready or found.account.debt or found.redemption or note):
        return None
    can_change = found.terms.is_on and request.loyalty.is_spending and not found.account.debt
    can_change = can_change and bool(found.ready and found.quote.most)
    suggested = suggestion(ready=found.ready, most=found.quote.most, terms=found.terms, brings=found.brings)
    word = words.title(unit=found.unit)
    return "loyalty/widgets/points_control.html", {
        "word": word,
        "title": pgettext("loyalty", "Use your %(points)s") % {"points": word},
        "ready": found.points(found.ready),
        "ready_worth": found.money(found.worth.of(found.ready)) if found.worth else "",
        "most": found.ready,
        "step": found.terms.step,
        "asked": found.asked,
        "used": found.used,
        "note": note,
        "answer": _answer(found, request.loyalty.is_spending),
        "can_change": can_change,
        "can_stop": can_change or found.redemption is not None,
        "suggested": {"points": suggested, "text": _button(found, suggested)} if suggested and can_change else None,
        "uses_all": found.asked >= found.ready > 0 and found.asked != suggested,
        "typed": said.get("typed", words.typed(unit=found.unit, points=found.asked)),
        "error": said.get("error", ""),
        "next": request.get_full_path(),
    }


def suggestion(*, ready: int, most: int, terms: UseTerms, brings: Callable[[int], int]) -> int:
    """Return the roundest number that leaves half of what is ready and that the basket takes; 0 where there is none."""
    cap = min(ready // 2, most)
    round_numbers = (digit * 10**zeros for zeros in range(len(str(cap))) for digit in (1, 2, 5))
    fit = (n for n in round_numbers if terms.minimum <= n <= cap and n % terms.step == 0 and brings(n))
    return max(fit, default=0)


def _button(found: BasketPoints, points: int) -> str:
    minus = f"\N{MINUS SIGN}{found.money(found.brings(points))}"
    return pgettext("loyalty", "Use %(points)s: %(amount)s") % {"points": found.points(points), "amount": minus}


def _answer(found: BasketPoints, is_spending: bool) -> dict[str, Any]:
    """Return what stands in the answer line: `text`, what follows it, and whether it is less than was asked."""
    if found.account.debt:
        text = pgettext("loyalty", "%(points)s to go before you can use %(word)s again.")
        word = words.title(unit=found.unit)
        return {"text": text % {"points": found.points(found.account.debt), "word": word}, "see_why": True}
    if not is_spending and not found.minor:
        text = pgettext("loyalty", "%(points)s cannot be used at the moment. What you have stays yours.")
        return {"text": capfirst(text % {"points": words.title(unit=found.unit)})}
    why = _why(found)
    if not found.asked:
        word = words.title(unit=found.unit)
        text = pgettext("loyalty", "You use no %(points)s.") % {"points": word}
        stay = pgettext("loyalty", "%(number)s stay ready.")
        stay %= {"number": words.number(unit=found.unit, points=found.ready)}
        return {"text": text, "more": why if not found.quote.most else stay}
    left = found.ready - found.used
    parts = {
        "amount": found.money(found.minor),
        "points": found.points(left),
        "worth": found.money(found.worth.of(left)),
    }
    more = pgettext("loyalty", "Saves %(amount)s, leaves %(points)s (%(worth)s).") % parts
    if found.used >= found.asked:
        return {"text": pgettext("loyalty", "You use %(points)s.") % {"points": found.points(found.used)}, "more": more}
    text = pgettext("loyalty", "%(number)s of %(points)s used.") % {
        "number": words.number(unit=found.unit, points=found.used),
        "points": found.points(found.asked),
    }
    return {"text": text, "more": f"{more} {why}" if found.used else why, "is_less": True}


def _why(found: BasketPoints) -> str:
    """Return why no more is used."""
    because = found.quote.because
    if because.code == "as_asked" and found.terms.per_day and found.used < found.asked:
        because = Because("daily_limit", points=found.terms.per_day)
    return sentence(because=because, unit=found.unit)


def _note(found: BasketPoints, said: dict[str, Any]) -> dict[str, Any] | None:
    """Return what has to be said of a change that the visitor did not make: points came back, or take less off now."""
    if said.get("asked") and found.redemption is None:
        again = min(said["asked"], found.ready)
        text = pgettext("loyalty", "They were set aside for %(time)s. Your basket costs %(amount)s again.")
        lead = pgettext("loyalty", "Your %(points)s are back with you.")
        if found.ready < said["asked"]:
            # Some went otherwise: with goods that were returned, or past their date.
            text = pgettext("loyalty", "Your basket costs %(amount)s again.")
            lead = pgettext("loyalty", "Your %(points)s are no longer set aside.")
        parts = {"time": _time(conf.HOLD_MINUTES), "amount": _total(found)}
        return {
            "text": lead % {"points": found.points(said["asked"])},
            "more": text % parts,
            "points": again,
            "again": _button(found, again) if again and found.worth and found.quote.most else "",
        }
    if "was" in said and said["was"] > found.minor:
        text = pgettext("loyalty", "%(points)s take %(amount)s off now, not %(before)s. Your basket costs %(total)s.")
        parts = {
            "points": words.title(unit=found.unit),
            "amount": found.money(found.minor),
            "before": found.money(said["was"]),
            "total": _total(found),
        }
        return {"text": pgettext("loyalty", "Please look at your total again."), "more": capfirst(text % parts)}
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
