"""
What stands beside a campaign on its page in the admin: to whom it would come today, what a real member would read, and
what came of it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.urls import reverse
from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.journeys.audience import Reach, audience
from loyalty_oscar.journeys.channels import Message
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import OF_ORDERS, REVIEW, WARRANTY, occasions
from loyalty_oscar.journeys.queries import says_something
from loyalty_oscar.journeys.results import DAYS, ENOUGH, Result, ToldGroup, result_of
from loyalty_oscar.journeys.sentences import without_letters
from loyalty_oscar.kernel.errors import in_short
from loyalty_oscar.people.consents import allowed
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program import clock, contributions, money
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.languages import bare, language_name
from loyalty_oscar.program.models import Member

from ..notices.letters import language_of
from .messages import message_of

logger = logging.getLogger("loyalty_oscar")
Piece = tuple[str, Mapping[str, Any]]
#: So much of what somebody looks for is read.
LONGEST_NAME = 100


@contributions.register("admin:campaign", "audience", order=10)
def today(*, subject: Campaign, request: Any) -> Piece | None:
    """Return to whom it would come today; nothing of an occasion whose code has left."""
    if subject.occasion not in occasions:
        return None
    try:
        with transaction.atomic(using=write_db()):
            found = audience(campaign=subject, at=clock.now())
    except Exception as error:  # An occasion of a store's own, say: the page is where its campaign is switched off.
        logger.exception("nobody can say to whom campaign %s would come", subject.pk)
        return "loyalty/admin/audience.html", {"error": in_short(error)}
    return "loyalty/admin/audience.html", {"found": found, "sentences": list(in_words(campaign=subject, found=found))}


def in_words(*, campaign: Campaign, found: Reach) -> Iterator[str]:
    """Yield to how many members a campaign would come today, and how many of them can't be written to."""
    told, count = {"count": money.number(found.members)}, found.members
    if not found.is_found:
        yield pgettext("loyalty", "It comes as it happens.")
        if not count and not found.beyond and not found.without:
            return
        text = npgettext(
            "loyalty", "It waits for %(count)s member today.", "It waits for %(count)s members today.", count
        )
        yield text % told
    elif found.more:
        yield pgettext("loyalty", "It would come to more than %(count)s members today.") % told
    else:
        text = npgettext(
            "loyalty", "It would come to %(count)s member today.", "It would come to %(count)s members today.", count
        )
        yield text % told
    if found.beyond:
        text = npgettext(
            "loyalty",
            "Nothing is left for %(count)s more member.",
            "Nothing is left for %(count)s more members.",
            found.beyond,
        )
        yield text % {"count": money.number(found.beyond)}
    if found.without:
        yield without_letters(campaign=campaign, number=found.without)


@contributions.register("admin:campaign", "result", order=20)
def result(*, subject: Campaign, request: Any) -> Piece | None:
    """Return what came of it, once it came to somebody."""
    found = result_of(campaign=subject, at=clock.now())
    if not found.came and not found.held.members:
        return None
    numbers = [(pgettext("loyalty", "Came to members"), found.came), (pgettext("loyalty", "Letters left"), found.told)]
    if found.used is not None:
        numbers.append((pgettext("loyalty", "Used something of it"), found.users))
    costs = (money.in_words(minor=minor, currency=currency) for currency, minor in sorted(found.costs.items()))
    return "loyalty/admin/result.html", {
        "numbers": [(title, money.number(number), number) for title, number in numbers],
        "costs": list(costs),
        "sentences": list(shares(campaign=subject, found=found)),
        "file": reverse("admin:loyalty_journeys_used", args=[subject.pk]) if found.used else "",
    }


def shares(*, campaign: Campaign, found: Result) -> Iterator[str]:
    """Yield who ordered of those it came to, and of those who were held out; or that nobody can say it yet."""
    yield _share(
        found.reached,
        pgettext(
            "loyalty", "Of %(members)s members to whom it came %(ordered)s ordered within %(days)s days: %(part)s."
        ),
        pgettext(
            "loyalty",
            "Not enough data: %(days)s days are over for %(members)s of those to whom it came; %(enough)s are needed.",
        ),
    )
    if not campaign.is_public and campaign.program.holdout_percent:
        yield _share(
            found.held,
            pgettext("loyalty", "Of %(members)s members of the control group %(ordered)s did: %(part)s."),
            pgettext(
                "loyalty",
                "Not enough data: %(days)s days are over for %(members)s of the control group; %(enough)s are needed.",
            ),
        )


def _share(group: ToldGroup, text: str, too_few: str) -> str:
    told = {"members": group.members, "ordered": group.ordered, "days": DAYS, "enough": ENOUGH}
    said = {name: money.number(number) for name, number in told.items()}
    if not group.is_enough:
        return too_few % said
    part = pgettext("loyalty", "%(percent)s\u00a0%%") % {"percent": money.number(group.percent)}
    return text % {**said, "part": part}


@contributions.register("admin:campaign", "letter", order=15)
def letter(*, subject: Campaign, request: Any) -> Piece | None:
    """Return what a member would read, whom somebody looked for; for those who may look at members."""
    if not request.user.has_perm("loyalty_program.view_member") or not says_something(campaign=subject):
        return None
    typed = request.GET.get("as", "").replace("\x00", "").strip()[:LONGEST_NAME]
    told: dict[str, Any] = {"typed": typed, "longest": LONGEST_NAME}
    member = _found(typed, subject, request) if typed else None
    if member is not None:
        with language_of(user=member.user) as language:
            message = _message(subject, member, language)
        told |= {
            "member": member,
            "message": message,
            "language": language_name(bare(code=message.language)) if message else "",
        }
        told["may"] = member.pk in allowed(purpose=Consent.Purpose.LETTERS, member_ids=[member.pk], at=clock.now())
    return "loyalty/admin/letter.html", told


def _found(typed: str, campaign: Campaign, request: Any) -> Member | None:
    """Return the first member of the program whom the search of the list of members finds."""
    rows = Member.objects.filter(program=campaign.program_id, user__isnull=False, merged_into=None)
    found, _many = admin.site._registry[Member].get_search_results(request, rows.select_related("user"), typed)
    return found.order_by("pk").first()


def _message(campaign: Campaign, member: Member, language: str) -> Message | None:
    """Return what a campaign would say to a member, of an order of the one that came last."""
    orders = get_model("order", "Order").objects.filter(user=member.user_id).order_by("-pk")
    is_of_order = campaign.occasion in (*OF_ORDERS, REVIEW, WARRANTY)
    return message_of(
        campaign=campaign,
        member=member,
        key="",
        source="",
        order_id=orders.values_list("pk", flat=True).first() if is_of_order else None,
        points=campaign.points,
        language=language,
        at=clock.now(),
    )
