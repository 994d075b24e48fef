"""The limits of using points, and a reward, each read back as one sentence."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import Reward, Unit
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.program.words import moment, number, unit_name
from loyalty_oscar.program.words import points as in_words

from .currencies import in_currency
from .models import UseTerms
from .stock import RewardStock


def sentence(*, terms: UseTerms, unit: Unit) -> str:
    """
    Return "Members can use 100 paws or more, in steps of 100, for up to 50 % of the goods; not with a voucher.".

    Reads the least orders and the product sets of saved terms.
    """
    if not terms.is_on:
        return pgettext("loyalty", "Nobody can use anything: that is switched off.")
    return "; ".join([", ".join(_how_many(terms, unit)), *_not(terms)]) + "."


def _how_many(terms: UseTerms, unit: Unit) -> Iterator[str]:
    if terms.minimum > 1:
        text = pgettext("loyalty", "Members can use %(points)s or more")
        yield text % {"points": in_words(unit=unit, points=terms.minimum)}
    elif unit.is_money:
        yield pgettext("loyalty", "Members can use any part of what they have")
    else:
        text = pgettext("loyalty", "Members can use any number of %(points)s")
        yield text % {"points": unit_name(unit=unit, points=2)}
    if terms.step > 1:
        yield pgettext("loyalty", "in steps of %(step)s") % {"step": number(unit=unit, points=terms.step)}
    if terms.per_day:
        yield pgettext("loyalty", "at most %(points)s a day") % {"points": in_words(unit=unit, points=terms.per_day)}
    if terms.share < 100:
        yield pgettext("loyalty", "for up to %(share)s %% of the goods") % {"share": money.number(terms.share)}
    else:
        yield pgettext("loyalty", "for all of the goods")
    rows = terms.least_orders.order_by("currency") if terms.pk else ()
    if amounts := [money.in_words(minor=row.minor, currency=row.currency) for row in rows]:
        text = pgettext("loyalty", "when these cost %(amounts)s or more")
        yield text % {"amounts": pgettext("loyalty", " or ").join(amounts)}


def _not(terms: UseTerms) -> Iterator[str]:
    if terms.not_with_vouchers:
        yield pgettext("loyalty", "not together with a voucher")
    if terms.not_on_discounted:
        yield pgettext("loyalty", "not on products that are reduced already")
    if terms.not_on_exclusive:
        yield pgettext("loyalty", "not on products that an exclusive offer applies to")
    names = terms.excluded_sets.order_by("name").values_list("name", flat=True) if terms.pk else ()
    if names:
        yield pgettext("loyalty", "not on %(names)s") % {"names": ", ".join(names)}


def reward_sentence(*, reward: Reward, stock: RewardStock) -> str:
    """
    Return "500 paws: Grooming, for members of level Gold or higher, 3 of 10 taken; one costs you €12.00, all so far
    €36.00.".
    """
    off = "" if reward.is_on else pgettext("loyalty", "Switched off: nobody can take it.") + " "
    return off + "; ".join([", ".join(_offer(reward, stock)), *_cost(reward, stock)]) + "."


def _offer(reward: Reward, stock: RewardStock) -> Iterator[str]:
    unit, zone = reward.program.unit_or_none, reward.program.time_zone
    if reward.price is None or unit is None:
        yield pgettext("loyalty", "Never paid this way: %(name)s") % {"name": reward.name}
    else:
        told = {"points": in_words(unit=unit, points=reward.price), "name": reward.name}
        yield pgettext("loyalty", "%(points)s: %(name)s") % told
    if reward.rank:
        yield pgettext("loyalty", "for %(who)s") % {"who": of_level(reward=reward)}
    if reward.segment:
        yield pgettext("loyalty", "only for the group “%(group)s”") % {"group": reward.segment.name}
    if reward.per_member is not None:
        text = npgettext("loyalty", "%(count)s for each member", "%(count)s for each member", reward.per_member)
        yield text % {"count": money.number(reward.per_member)}
    taken = {"taken": money.number(reward.taken)}
    if reward.quota is not None:
        yield pgettext("loyalty", "%(taken)s of %(all)s taken") % {**taken, "all": money.number(reward.quota)}
    else:
        yield pgettext("loyalty", "%(taken)s taken") % taken
    if reward.starts_at:
        yield pgettext("loyalty", "from %(moment)s") % {"moment": moment(reward.starts_at, zone=zone)}
    if reward.ends_at:
        yield pgettext("loyalty", "until %(moment)s") % {"moment": moment(reward.ends_at, zone=zone)}
    if reward.valid_days:
        text = npgettext("loyalty", "good for %(count)s day", "good for %(count)s days", reward.valid_days)
        yield text % {"count": money.number(reward.valid_days)}


def of_level(*, reward: Reward) -> str:
    """Return "members of level Gold or higher"."""
    called = levels(program_id=reward.program_id)
    if reward.rank not in called:
        return pgettext("loyalty", "level %(rank)s, which is not there") % {"rank": money.number(reward.rank)}
    if reward.rank == max(called):
        return pgettext("loyalty", "members of level %(level)s") % {"level": called[reward.rank]}
    return pgettext("loyalty", "members of level %(level)s or higher") % {"level": called[reward.rank]}


def _cost(reward: Reward, stock: RewardStock) -> Iterator[str]:
    if reward.cost_minor:
        one, so_far = (
            money.in_words(minor=reward.cost_minor * number, currency=reward.program.currency)
            for number in (1, stock.had)
        )
        yield pgettext("loyalty", "one costs you %(one)s, all so far %(sum)s") % {"one": one, "sum": so_far}


def says_in(*, reward: Reward, currency: str, own: str) -> str:
    """
    Return "In CHF: CHF 6.00 off, in a basket of CHF 25.00 or more", or nothing where it cannot be used there; `own` is
    the currency of its program.
    """
    params = in_currency(params=reward.params, currency=currency, own=own)
    if params is None or reward.kind not in reward_kinds:
        return ""
    what = reward_kinds.get(reward.kind).says(params=params, currency=currency)
    return pgettext("loyalty", "In %(currency)s: %(what)s") % {"currency": currency, "what": what} if what else ""
