"""The sentences that read a campaign, and a goal, back to staff."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.translation import npgettext, pgettext

from loyalty_oscar.program import money, words
from loyalty_oscar.program.languages import language_name
from loyalty_oscar.program.levels import levels
from loyalty_oscar.program.models import ProductSet, Unit
from loyalty_oscar.program.registries import promise_of

from .goal_words import asked
from .models import Campaign, CampaignText, Goal
from .occasion_names import occasion_of
from .questions import questions


def campaign_sentences(*, campaign: Campaign, unit: Unit, texts: Sequence[CampaignText]) -> list[str]:
    """
    Return a campaign as sentences: what it gives for what, to whom, when and how often; whether members know of it;
    and in which languages it writes.
    """
    codes = campaign.params.get("sets") or ()
    sets = dict(ProductSet.objects.filter(code__in=codes).values_list("code", "name")) if codes else {}
    about, gives = occasion_of(campaign=campaign, sets=sets), bool(promise_of(row=campaign))
    told = {"gift": words.promised(unit=unit, row=campaign), "occasion": about}
    text = pgettext("loyalty", "%(gift)s: %(occasion)s") if gives else pgettext("loyalty", "A letter: %(occasion)s")
    whole = ", ".join([text % told, *_when(campaign), *whom(campaign=campaign), *_most(campaign, unit)])
    found = [f"{whole}; {_given(campaign, unit)}." if gives else f"{whole}."]
    if gives:
        found.append(_promised(campaign))
    return [*found, *_says(campaign, texts)]


def without_letters(*, campaign: Campaign, number: int) -> str:
    """Return how many of those for whom a campaign is allow no letters, and what they get."""
    if campaign.is_promise:
        text = npgettext(
            "loyalty",
            "%(count)s of them allows no letters, and finds it in the account.",
            "%(count)s of them allow no letters, and find it in the account.",
            number,
        )
    else:
        text = npgettext(
            "loyalty",
            "%(count)s more allows no letters, and gets nothing.",
            "%(count)s more allow no letters, and get nothing.",
            number,
        )
    return text % {"count": money.number(number)}


def _when(campaign: Campaign) -> Iterator[str]:
    zone, days = campaign.program.time_zone, campaign.delay_days
    if days:
        text = npgettext("loyalty", "%(days)s day later", "%(days)s days later", days)
        yield text % {"days": money.number(days)}
    if campaign.starts_at:
        yield pgettext("loyalty", "from %(day)s") % {"day": words.day(campaign.starts_at, zone=zone)}
    if campaign.ends_at:
        yield pgettext("loyalty", "until %(day)s") % {"day": words.last_day(campaign.ends_at, zone=zone)}


def whom(*, campaign: Campaign) -> Iterator[str]:
    """Yield for whom a campaign is, as parts of its sentence."""
    if campaign.told_days:
        text = npgettext(
            "loyalty", "told at least %(days)s day before", "told at least %(days)s days before", campaign.told_days
        )
        yield text % {"days": money.number(campaign.told_days)}
    if campaign.rank:
        called = levels(program_id=campaign.program_id)
        text = pgettext("loyalty", "for level %(level)s and above")
        yield text % {"level": called.get(campaign.rank, money.number(campaign.rank))}
    if campaign.segment:
        yield pgettext("loyalty", "only for the group “%(group)s”") % {"group": campaign.segment.name}
    if orders := campaign.orders_wanted:
        text = npgettext(
            "loyalty",
            "for members with %(count)s paid order that arrived and was kept",
            "for members with %(count)s paid orders that arrived and were kept",
            orders,
        )
        yield text % {"count": money.number(orders)}
    if campaign.confirmed_only:
        yield pgettext("loyalty", "only with a confirmed e-mail address")


def _most(campaign: Campaign, unit: Unit) -> Iterator[str]:
    if days := campaign.rest_days:
        text = npgettext(
            "loyalty",
            "at most once in %(days)s day for each member",
            "at most once in %(days)s days for each member",
            days,
        )
        yield text % {"days": money.number(days)}
    if campaign.budget is not None:
        amount = words.points(unit=unit, points=campaign.budget)
        yield pgettext("loyalty", "at most %(amount)s in all") % {"amount": amount}
    if campaign.most is not None:
        text = npgettext("loyalty", "at most %(most)s time in all", "at most %(most)s times in all", campaign.most)
        yield text % {"most": money.number(campaign.most)}


def _given(campaign: Campaign, unit: Unit) -> str:
    if campaign.reward is None:
        amount = words.points(unit=unit, points=campaign.spent)
        return pgettext("loyalty", "%(amount)s given so far") % {"amount": amount}
    text = npgettext("loyalty", "given %(given)s time so far", "given %(given)s times so far", campaign.given)
    return text % {"given": money.number(campaign.given)}


def _promised(campaign: Campaign) -> str:
    if campaign.is_public:
        return pgettext("loyalty", "It is promised: members know of it, and nobody is left out.")
    if not campaign.program.holdout_percent:
        return pgettext("loyalty", "It is a surprise.")
    text = pgettext("loyalty", "It is a surprise, and %(percent)s\u00a0%% of the members never get one.")
    return text % {"percent": money.number(campaign.program.holdout_percent)}


def _says(campaign: Campaign, texts: Sequence[CampaignText]) -> Iterator[str]:
    if not texts:
        yield pgettext("loyalty", "It says nothing of its own.")
        return
    named = ", ".join(language_name(text.language) for text in texts)
    yield pgettext("loyalty", "It writes in %(languages)s.") % {"languages": named}
    asked = campaign.params.get("question")
    if asked in questions:
        yield pgettext("loyalty", "It asks: “%(question)s”") % {"question": questions.get(asked).text}
    if campaign.params.get("related"):
        yield pgettext("loyalty", "It shows what goes with what was bought, and is not written where nothing does.")


def goal_sentence(*, goal: Goal, names: list[str], unit: Unit) -> str:
    """
    Return "10 pieces (Coffee): 100 paws, each time anew, for level Gold and above, from 1 May 2026, 00:00 (CEST).", as
    it is counted.
    """
    off = "" if goal.is_on else pgettext("loyalty", "Switched off: no further order counts.") + " "
    told = {"asked": asked(goal=goal, names=names, unit=unit), "gift": words.promised(unit=unit, row=goal)}
    return off + ", ".join([pgettext("loyalty", "%(asked)s: %(gift)s") % told, *_limits(goal)]) + "."


def _limits(goal: Goal) -> Iterator[str]:
    zone = goal.program.time_zone
    yield pgettext("loyalty", "each time anew") if goal.repeats else pgettext("loyalty", "once for each member")
    if goal.rank:
        called = levels(program_id=goal.program_id)
        text = pgettext("loyalty", "for level %(level)s and above")
        yield text % {"level": called.get(goal.rank, money.number(goal.rank))}
    if goal.segment:
        yield pgettext("loyalty", "only for the group “%(group)s”") % {"group": goal.segment.name}
    text = pgettext("loyalty", "for orders from %(moment)s on")
    yield text % {"moment": words.moment(goal.starts_at, zone=zone)}
    if goal.ends_at:
        yield pgettext("loyalty", "placed before %(moment)s") % {"moment": words.moment(goal.ends_at, zone=zone)}
