"""What a campaign says to a member: its text in the member's language, filled with what is so when it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.sites.models import Site
from django.urls import reverse
from django.utils import translation
from oscar.core.loading import get_model

from loyalty_oscar.journeys.channels import Message
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.queries import set_codes_of
from loyalty_oscar.journeys.questions import questions
from loyalty_oscar.journeys.texts import fill, text_of
from loyalty_oscar.program import words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.languages import bare
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import promise_of

from ..notices.letters import absolute, first_name, site_of, through_login
from ..notices.stopping import stop_link
from ..orders.facts import gather_orders
from .answers import answer_link
from .related import related


def message_about(*, occurrence: Occurrence, key: str, language: str, at: datetime) -> Message | None:
    """Return what is said of an occurrence; None where its campaign has no text any more."""
    return message_of(
        campaign=occurrence.campaign,
        member=occurrence.member,
        key=key,
        source=occurrence.source,
        order_id=occurrence.order_id,
        points=occurrence.points,
        product=occurrence.because.get("p", {}).get("product", ""),
        language=language,
        at=at,
    )


def message_of(
    *,
    campaign: Campaign,
    member: Member,
    key: str,
    source: str,
    order_id: int | None,
    points: int,
    product: str = "",
    language: str,
    at: datetime,
) -> Message | None:
    """
    Return what a campaign says to a member about something (`source`), of an order where it is about one; None where it
    has no text. `product` is what it speaks of where that is known; else the first thing kept of the order.
    """
    text = text_of(campaign=campaign, language=language)
    if text is None:
        return None
    # All of a letter is in the language of its text; of the regions of that, in the member's.
    spoken = language if bare(code=language) == bare(code=text.language) else text.language
    site = site_of(member=member)
    products = _products(member, order_id, site, at) if campaign.params.get("related") else ()
    link = products[0][1] if products else _link(campaign, member, order_id, site)
    values = {
        "first_name": first_name(user=member.user),
        "shop": settings.OSCAR_SHOP_NAME,
        "program": campaign.program.name,
        "gift": _gift(campaign, points, spoken),
        "product": product or _product(order_id, set_codes_of(campaign=campaign, source=source), at),
        "link": link,
    }
    return Message(
        key=key,
        member=member,
        subject=" ".join(fill(text=text.subject, values=values).split()),
        text=fill(text=text.body, values=values),
        link=link,
        stop_link=stop_link(member=member, site=site),
        answers=_answers(campaign.params, member, source, order_id, site, spoken),
        products=products,
        language=spoken,
    )


def why_empty(*, message: Message, campaign: Campaign) -> str:
    """Return the because code of what a letter is to show and cannot; nothing where it shows what it speaks of."""
    return "nothing_goes_with_it" if campaign.params.get("related") and not message.products else ""


def _link(campaign: Campaign, member: Member, order_id: int | None, site: Site) -> str:
    """
    Return where a letter without products leads: to its order, where its member can see that, to what it gives, else
    into the shop.
    """
    orders = get_model("order", "Order").objects.using(write_db()).filter(pk=order_id, user=member.user_id)
    number = orders.values_list("number", flat=True).first() if order_id else None
    if number:
        return through_login(site=site, path=reverse("customer:order", kwargs={"order_number": number}))
    if promise_of(row=campaign):
        return through_login(site=site, path=reverse("loyalty:overview"))
    return absolute(site=site, path=reverse("catalogue:index"))


def _gift(campaign: Campaign, points: int, language: str) -> str:
    unit = campaign.program.unit_or_none
    if unit is None or not (points or promise_of(row=campaign)):
        return ""
    with translation.override(language):
        return words.points(unit=unit, points=points) if points else words.promised(unit=unit, row=campaign)


def _product(order_id: int | None, codes: frozenset[str], at: datetime) -> str:
    """Return what the first thing of an order is called that was kept, of these product sets where there are any."""
    for order in gather_orders(order_ids=[order_id], set_codes=codes, at=at) if order_id else ():
        for line in order.purchase.lines:
            if line.gone < line.quantity and (not codes or line.sets & codes):
                return line.title
    return ""


def _products(member: Member, order_id: int | None, site: Site, at: datetime) -> tuple[tuple[str, str], ...]:
    """Return what goes with what a member kept of an order, each with its address."""
    found = related(member=member, order_id=order_id, at=at)
    return tuple((one.get_title(), absolute(site=site, path=one.get_absolute_url())) for one in found)


def _answers(
    params: Mapping[str, Any], member: Member, source: str, order_id: int | None, site: Site, language: str
) -> tuple[tuple[str, str], ...]:
    """Return the answers to the question that a campaign asks, each with the address at which it is filled in."""
    code = params.get("question", "")
    if code not in questions:
        return ()
    about: dict[str, Any] = {"member": member, "question": code, "source": source, "order_id": order_id, "site": site}
    choices = questions.get(code).choices.items()
    with translation.override(language):
        texts = [str(choice.text) for _key, choice in choices]
    return tuple((text, answer_link(choice=key, **about)) for text, (key, _choice) in zip(texts, choices, strict=True))
