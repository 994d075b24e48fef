"""What each campaign and the letters did in a year."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Min, Q
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.journeys.models import Campaign, CampaignText, Occurrence
from loyalty_oscar.journeys.results import ToldGroup, side_by_side
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.db import write_db

from ..effects import Group
from ..elements import ElementYear, YearOfUnit, elements


class CampaignParts:
    """
    Campaigns that are in force or planned, or came to somebody. Who ordered in the days after used it, of those whose
    days are over; the same is asked of those who were held out.
    """

    title = pgettext_lazy("loyalty", "Campaign")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        came = Occurrence.objects.using(write_db()).filter(
            at__gte=year.since, at__lt=year.until, state=Occurrence.State.DONE
        )
        campaigns = (
            Campaign.objects.using(write_db()).filter(program=year.unit.program_id).select_related("program__unit")
        )
        campaigns = campaigns.filter(Q(is_on=True) | Q(pk__in=came.values("campaign")))
        rows = Occurrence.objects.using(write_db()).filter(campaign__program=year.unit.program_id).order_by()
        firsts = dict(rows.values_list("campaign").annotate(Min("at")))
        return [self._of(campaign, firsts.get(campaign.pk), year) for campaign in campaigns.order_by("pk")]

    def _of(self, campaign: Campaign, first: datetime | None, year: YearOfUnit) -> ElementYear:
        reached, held = side_by_side(campaign=campaign, since=year.since, at=year.until)
        return ElementYear(
            item=str(campaign.pk),
            name=campaign.name,
            since=year.begin(first, starts_at=campaign.starts_at),
            cost=year.cost(("campaigns", str(campaign.pk))),
            uptake=reached.ordered,
            could=reached.members,
            told=_group(reached) if held else None,
            held=_group(held) if held else None,
        )


def _group(found: ToldGroup) -> Group:
    return Group(members=found.members, buyers=found.ordered)


class LetterParts:
    """The letters of campaigns: members who allow them. Nobody knows what a letter costs the shop to send."""

    title = pgettext_lazy("loyalty", "Mails")

    def __call__(self, *, year: YearOfUnit) -> Sequence[ElementYear]:
        texts = CampaignText.objects.using(write_db()).filter(campaign__program=year.unit.program_id)
        if not texts.exists():
            return []
        allowing = Consent.objects.using(write_db()).filter(
            purpose=Consent.Purpose.LETTERS, is_current=True, withdrawn_at=None
        )
        of_members = allowing.filter(member__program=year.unit.program_id, member__merged_into=None)
        first = (
            Occurrence.objects.using(write_db())
            .filter(campaign__program=year.unit.program_id)
            .aggregate(of=Min("told_at"))["of"]
        )
        return [
            ElementYear(
                item="letters",
                since=year.begin(first),
                cost=None,
                uptake=of_members.filter(confirmed_at__isnull=False, member__user__isnull=False).count(),
                could=year.members,
            )
        ]

    def called(self, *, item: str) -> str:
        return pgettext("loyalty", "Letters of campaigns")


elements.register("campaigns", order=40)(CampaignParts())
elements.register("letters", order=70)(LetterParts())
