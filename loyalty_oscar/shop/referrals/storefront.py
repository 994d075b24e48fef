"""Pieces of other pages: the tab, the field at registration and at checkout, the invitation after an order, and
whose first order it was in the statement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils.translation import pgettext

from loyalty_oscar.program import contributions
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.referrals.models import Code, Referral, Scheme
from loyalty_oscar.referrals.queries import brought_by, scheme_of, was_brought
from loyalty_oscar.referrals.rules import has_typo

from ..orders.buyers import has_bought
from ..storefront.newcomers import Step, first_steps
from ..storefront.reasons import brief_reason_words, reason_words
from ..storefront.visit import takes_part
from .friends import name_of
from .gift import gift_of, missing
from .pending_codes import carried, is_due
from .terms_text import promise
from .typed_codes import FIELD, LONGEST
from .typed_codes import field as typed_field

Piece = tuple[str, Mapping[str, Any]]


def scheme_here(request: Any) -> Scheme | None:
    """Return the scheme that serves this site, or None."""
    unit = request.loyalty.unit
    return scheme_of(program_id=unit.program_id) if unit else None


@contributions.register("account:tab", "referrals", order=10)
def tab(*, subject: Any, request: Any) -> Piece | None:
    """Return the entry of the account navigation, for members."""
    if scheme_here(request) is None or not takes_part(visit=request.loyalty):
        return None
    match = request.resolver_match
    return "loyalty/widgets/invite_tab.html", {"is_here": bool(match and match.view_name == "loyalty:invite")}


@contributions.register("register:form", "referrals")
def field(*, subject: Any, request: Any) -> Piece | None:
    """Return the field of the registration form, filled in with the code that the visit carries."""
    scheme = scheme_here(request)
    if scheme is None or request.user.is_authenticated:
        return None
    codes = carried(request=request) if is_due(request=request) else []
    typed = request.POST.get(FIELD, "")[:LONGEST]
    told = typed_field(name=FIELD, value=typed or (codes[0][0] if codes else ""))
    told |= {"promise": promise(scheme=scheme, unit=request.loyalty.unit), "gift": gift_of(request=request)}
    return "loyalty/widgets/invite_field.html", told


@contributions.register("checkout:payment", "referrals")
def at_checkout(*, subject: Any, request: Any) -> Piece | None:
    """Return the field at checkout, for somebody who has not ordered yet and was brought by nobody so far."""
    scheme, user = scheme_here(request), request.user
    if scheme is None or not user.is_authenticated:
        return None
    if has_bought(user_id=user.pk):
        return None
    if was_brought(program_id=scheme.program_id, user_id=user.pk):
        return None
    typed = request.GET.get(FIELD, "")[:LONGEST]
    return "loyalty/widgets/invite_checkout.html", typed_field(name="code", value=typed if has_typo(text=typed) else "")


@contributions.register("basket:earns", "referrals", order=10)
def in_basket(*, subject: Any, request: Any) -> Piece | None:
    """Return what a code brings a stranger with this basket, and what is missing; a member's earn line tells it."""
    if subject is None or subject.is_empty or request.loyalty.member is not None:
        return None
    gift = gift_of(request=request)
    if gift is None:
        return None
    return "loyalty/widgets/gift.html", {"gift": gift, "missing": missing(gift=gift, basket=subject)}


@contributions.register("account:top", "referrals")
def on_account(*, subject: Any, request: Any) -> Piece | None:
    """Return what an invitation brings, until it is earned."""
    gift = gift_of(request=request)
    return ("loyalty/widgets/gift.html", {"gift": gift}) if gift else None


@contributions.register("thank-you:more", "referrals", order=20)
def after_order(*, subject: Any, request: Any) -> Piece | None:
    """Return the one invitation to invite, on the page that thanks a member for an order."""
    scheme = scheme_here(request)
    if scheme is None or not takes_part(visit=request.loyalty):
        return None
    return "loyalty/widgets/invite_after.html", {"promise": promise(scheme=scheme, unit=request.loyalty.unit)}


@first_steps.register("referrals", order=40)
def invite_step(*, request: Any, unit: Unit) -> Step | None:
    """Return what inviting a friend brings both sides; done once the member has a link to pass on."""
    scheme = scheme_of(program_id=unit.program_id)
    if scheme is None:
        return None
    told, member = promise(scheme=scheme, unit=unit), request.loyalty.member
    return Step(
        text=told["step"],
        button=pgettext("loyalty", "Invite a friend"),
        url=reverse("loyalty:invite"),
        is_done=member is not None and Code.objects.filter(member=member).exists(),
    )


@contributions.register("admin:member", "referrals", order=30)
def of_member(*, subject: Member, request: Any) -> Piece | None:
    """Return, for staff, a member's code, who brought the member, and whom the member brought."""
    if not request.user.has_perm("loyalty_referrals.view_referral"):
        return None
    code = Code.objects.filter(member=subject).first()
    brought = list(brought_by(member_id=subject.pk)[:20])
    came = Referral.objects.filter(newcomer=subject).select_related("giver__user").first()
    if not (code or brought or came):
        return None
    return "loyalty/admin/invited.html", {"code": code, "brought": brought, "came": came}


@reason_words.register("referrals")
def whose_order(*, reasons: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """Return "First order of a friend you invited: Priya", or that it went back, for each reason of one. One query."""
    came = pgettext("loyalty", "First order of a friend you invited: %(name)s")
    back = pgettext("loyalty", "First order of a friend went back: %(name)s")
    texts = {"referral_giver": came, "referral_reversed": back}
    return {key: texts[reasons[key]["c"]] % {"name": name} for key, name in _names(reasons, *texts).items()}


@brief_reason_words.register("referrals")
def whose_order_briefly(*, reasons: Mapping[int, Mapping[str, Any]]) -> dict[int, str]:
    """Return "First order: Priya" for each reason that speaks of one. One query."""
    text = pgettext("loyalty", "First order: %(name)s")
    return {key: text % {"name": name} for key, name in _names(reasons, "referral_giver").items()}


def _names(reasons: Mapping[int, Mapping[str, Any]], *codes: str) -> dict[int, str]:
    """Return the first name of the friend of whom each reason with one of these codes speaks, where one does."""
    told = {key: because.get("p", {}) for key, because in reasons.items() if because.get("c") in codes}
    wanted = {key: p.get("referral") for key, p in told.items() if p.get("side") != "newcomer"}
    rows = Referral.objects.filter(pk__in=wanted.values()).select_related("newcomer__user").in_bulk() if wanted else {}
    return {key: name_of(member=rows[pk].newcomer) for key, pk in wanted.items() if pk in rows}
