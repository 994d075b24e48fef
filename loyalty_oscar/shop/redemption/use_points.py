"""Setting points aside for a basket: one call for the page, the API and the rehearsal."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import pgettext
from oscar.core.loading import get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import Frozen, LoyaltyError, NotAllowed, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold, HoldLot
from loyalty_oscar.ledger.operations import HoldOutcome
from loyalty_oscar.ledger.operations.desk import lock, outermost_retried
from loyalty_oscar.ledger.operations.holds import asked_with, why_stopped
from loyalty_oscar.program import words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.models import Phase, Unit
from loyalty_oscar.program.queries import spends_at
from loyalty_oscar.redemption import operations
from loyalty_oscar.redemption.models import Redemption, UseTerms
from loyalty_oscar.redemption.queries import open_for, taken_since, terms_of, worth_now
from loyalty_oscar.redemption.rules import Worth
from loyalty_oscar.redemption.words import sentence

from ..storefront.basket_holds import fates, slot_of
from .discount import applied_to, look_again
from .promise import has_prices, promise_of_today
from .quotes import is_shut
from .trying import quote_for


class Refused(LoyaltyError):
    """Points cannot be set aside: `code` is for programs, `text` for the customer."""

    def __init__(self, *, code: str, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def may_use(*, account: Account, redemption: Redemption | None, at: datetime) -> int:
    """
    Return how many points a basket may use: what is ready, what is set aside for it already (`redemption`), and what is
    set aside for baskets that are gone or whose time is over, because `use_points` gives that back first.

    No query where nothing else is set aside.
    """
    own = redemption.hold.points if redemption and redemption.hold.account_id == account.pk else 0
    ready = account.available + own
    if account.reserved <= own or account.debt:
        return ready
    slot = redemption.slot if redemption else ""
    others = Hold.objects.using(write_db()).filter(account=account, state=Hold.State.OPEN).exclude(slot=slot)
    held = list(others.annotate(**asked_with(at=at)))
    told = fates(held)
    # Asked by pages too, so nothing is locked here: a payment that nobody sees yet shows when points are set aside.
    return ready + sum(
        hold.points for hold in held if is_over(hold=hold, fate=told.get(hold.origin, HoldOutcome()), at=at)
    )


def is_over(*, hold: Hold, fate: HoldOutcome, at: datetime) -> bool:
    """Return whether the next who looks gives a hold back."""
    until = max(hold.expires_at, fate.until or hold.expires_at)
    return fate.is_gone or bool(why_stopped(hold=hold)) or (fate.is_at_work is None and until <= at)


@outermost_retried
def use_points(*, account: Account, unit: Unit, basket: Any, points: int | None, at: datetime) -> Redemption | None:
    """
    Set points aside for a basket, in place of what was set aside for it before; 0 gives all back, None takes all there
    are. What was asked for is remembered; only what the basket takes of it is set aside, and the rest stays ready.

    Raises `Refused` and changes nothing: `not_enough_points`, `to_make_up`, `too_few_points`, `daily_limit`,
    `too_often`, `points_frozen` (staff froze the member), `basket_closed` (frozen, ordered, another's), `not_now`
    (paused, switched off, no worth in this currency, or what points cannot pay for is not known). Where the basket
    takes none at all the reason is the code.
    """
    slot, user_id, is_all = slot_of(basket=basket), account.member.user_id, points is None
    try:
        with transaction.atomic(using=write_db()):
            _check_basket(basket, user_id)
            ledger.settle_holds(account_id=account.pk, fates=fates, at=at, keep=slot)
            fresh = lock(account_id=account.pk)
            before = open_for(slot=slot)
            if before and before.hold.account_id != account.pk:
                # On another site the same basket used points of the program there.
                _give_back(before, slot, at)
                before = None
            if points is None:
                points = _ready(fresh, before)
            if not points:
                return _give_back(before, slot, at)
            if account.member.is_frozen(at=at):
                raise _refused(Because("points_frozen"), unit)
            worth = worth_now(program_id=unit.program_id, currency=basket.currency or "")
            terms = _check_terms(unit, worth, points, at)
            _check_ready(fresh, before, unit, points)
            _check_changes(account, at)
            return operations.set_aside(
                account_id=account.pk,
                slot=slot,
                asked=points,
                points=_taken(basket, unit, _within_day(account, terms, unit, points, slot, at), worth),
                worth=worth,
                expires_at=at + timedelta(minutes=conf.HOLD_MINUTES),
                at=at,
                promise=promise_of_today(basket=basket, terms=terms),
            )
    except NotEnoughPoints as error:
        # Some had run out, and no job has told the account yet.
        ledger.expire(account_id=account.pk, at=at)
        account.refresh_from_db(using=write_db())
        ready = account.available + _held_in_time(slot, at)
        if is_all and ready:
            return use_points(account=account, unit=unit, basket=basket, points=ready, at=at)
        raise _not_enough(unit, ready) from error
    except Frozen as error:
        raise _refused(Because("points_frozen"), unit) from error
    except NotAllowed as error:
        raise _not_now() from error


def use_in_request(
    *, request: Any, account: Account, unit: Unit, basket: Any, points: int | None, at: datetime
) -> Redemption | None:
    """
    Set points aside as `use_points` does for a basket that somebody looks at, and apply all its offers anew.

    Also refuses, and keeps none set aside, where this shop's own prices let them take nothing off: nobody can tell
    before the offers are applied.
    """
    told: dict[str, Any] = {"account": account, "unit": unit, "basket": basket, "at": at}
    found = use_points(**told, points=points)
    look_again(basket=basket, request=request)
    applied = applied_to(basket=basket)
    if found is None or applied is None or applied.points:
        return found
    use_points(**told, points=0)
    look_again(basket=basket, request=request)
    raise _refused(applied.quote.because, unit)


def _give_back(before: Redemption | None, slot: str, at: datetime) -> None:
    operations.leave(slot=slot)
    if before:
        hold = before.hold
        ledger.release(hold_id=hold.pk, account_id=hold.account_id, because=Because("not_wanted"), at=at)


def _check_basket(basket: Any, user_id: Any) -> None:
    """
    See that the basket is open, and lock its row before the account as Oscar's checkout does.

    Where requests are transactions, nobody sees yet that a payment froze it; but its row is locked, and that is waited
    for.
    """
    baskets = get_model("basket", "Basket").objects.using(write_db()).select_for_update()
    if not baskets.filter(pk=basket.pk, owner_id=user_id, status=basket.OPEN).values_list("pk").first():
        text = pgettext("loyalty", "This basket is being paid for. Nothing can be changed now.")
        raise Refused(code="basket_closed", text=text)


def _check_terms(unit: Unit, worth: Worth | None, points: int, at: datetime) -> UseTerms:
    terms = terms_of(program_id=unit.program_id)
    if terms is None or worth is None or is_shut(terms=terms):
        raise _not_now()
    if not spends_at(phases=Phase.objects.using(write_db()).filter(program_id=unit.program_id), at=at):
        raise _not_now()
    if points < terms.minimum:
        text = pgettext("loyalty", "Use %(points)s or more.") % {
            "points": words.points(unit=unit, points=terms.minimum)
        }
        raise Refused(code="too_few_points", text=text)
    return terms


def _ready(account: Account, before: Redemption | None) -> int:
    """Return what `may_use` does, once what is over went back."""
    return account.available + (before.hold.points if before else 0)


def _held_in_time(slot: str, at: datetime) -> int:
    """Return how many of the points that are set aside for a slot have not run out since."""
    held = HoldLot.objects.using(write_db()).filter(hold__slot=slot).exclude(lot__expires_at__lte=at)
    return held.aggregate(points=Sum("points", default=0))["points"]


def _check_ready(account: Account, before: Redemption | None, unit: Unit, points: int) -> None:
    if account.debt:
        text = pgettext("loyalty", "%(points)s to make up before you can use any.")
        raise Refused(code="to_make_up", text=text % {"points": words.points(unit=unit, points=account.debt)})
    ready = _ready(account, before)
    if points > ready:
        raise _not_enough(unit, ready)


def _check_changes(account: Account, at: datetime) -> None:
    """See that one customer does not fill tables that nobody may ever empty."""
    lately = Hold.objects.using(write_db()).filter(account=account, created_at__gt=at - timedelta(hours=1))
    if lately.count() >= conf.HOLD_CHANGES:
        text = pgettext("loyalty", "You have changed this very often. Please try again in an hour.")
        raise Refused(code="too_often", text=text)


def _within_day(account: Account, terms: UseTerms, unit: Unit, points: int, slot: str, at: datetime) -> int:
    """Return how many of the points may be set aside today."""
    if terms.per_day is None:
        return points
    today = periods.local_day(at=at, zone=unit.program.time_zone)
    since = periods.start_of_day(day=today, zone=unit.program.time_zone)
    left = terms.per_day - taken_since(account_id=account.pk, since=since, but=slot)
    if left < terms.minimum:
        text = pgettext("loyalty", "You have used %(points)s today, the most for one day.")
        raise Refused(code="daily_limit", text=text % {"points": words.points(unit=unit, points=terms.per_day)})
    return min(points, left)


def _taken(basket: Any, unit: Unit, points: int, worth: Worth) -> int:
    """Return how many of the points the basket takes; all of them where nobody looked at its prices."""
    if not has_prices(basket=basket):
        return points
    quote = quote_for(basket=basket, unit=unit, points=points, worth=worth)
    if not quote.points:
        raise _refused(quote.because, unit)
    return quote.points


def _refused(because: Because, unit: Unit) -> Refused:
    """Return a refusal whose code is that of a reason."""
    return Refused(code=because.code, text=sentence(because=because, unit=unit))


def _not_enough(unit: Unit, ready: int) -> Refused:
    text = pgettext("loyalty", "You have %(points)s. Choose a number up to %(number)s.")
    if unit.is_money:
        text = pgettext("loyalty", "You have %(points)s. Choose no more than that.")
    said = text % {"points": words.points(unit=unit, points=ready), "number": words.short(unit=unit, points=ready)}
    return Refused(code="not_enough_points", text=said)


def _not_now() -> Refused:
    return Refused(code="not_now", text=pgettext("loyalty", "Nothing can be used at the moment."))
