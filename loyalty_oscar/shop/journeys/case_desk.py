"""Cases at the desk: who may do what, how one is decided within the limit of the day, and what staff read of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count
from django.urls import reverse
from django.utils.translation import npgettext, pgettext
from oscar.core.loading import get_model

from loyalty_oscar.journeys import cases
from loyalty_oscar.journeys.models import Answer, Case
from loyalty_oscar.journeys.questions import said
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.program import actors, contributions, money, words
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.forms import is_key
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Member, Unit
from loyalty_oscar.program.references import referents

from ..dashboard import goodwill
from ..dashboard.links import order_url, url_of
from ..dashboard.permissions import is_own, may_look

Piece = tuple[str, Mapping[str, Any]]
LOOK, DECIDE = "loyalty_journeys.view_case", "loyalty_journeys.decide_case"
#: So many of a member's newest cases and answers are named.
NEWEST = 5

goodwill.given_besides.register("cases")(cases.apologies_given)


def may_see(user: Any) -> bool:
    """Return whether somebody of staff may see cases."""
    return may_look(user) and (user.has_perm(LOOK) or user.has_perm(DECIDE))


def may_decide(user: Any, case: Case) -> bool:
    """Return whether somebody may decide about a case: never about one's own, nor where nobody is left."""
    has_person = case.member.user_id is not None
    return may_look(user) and user.has_perm(DECIDE) and has_person and not is_own(user, case.member)


def settle(*, staff: Any, case: Case, promise: Promise, reason: str, at: datetime) -> bool:
    """
    Decide about a case for a member of staff; returns False where it was decided meanwhile.

    Raises `NotAllowed` for one's own, and `TooMuch` above the limit of the day, which goodwill has too.
    """
    if is_own(staff, case.member):
        raise NotAllowed("nobody decides about themselves")
    with transaction.atomic(using=write_db()):
        goodwill.take_desk(staff=staff)
        is_open = Case.objects.using(write_db()).filter(pk=case.pk, state=Case.State.OPEN).exists()
        if is_open and promise.points > (left := goodwill.left_today(staff=staff, at=at)):
            raise goodwill.TooMuch(left)
        done = cases.decide(case=case, promise=promise, reason=reason, actor=actors.staff(staff), at=at)
        if done:
            text = pgettext("loyalty", "Case closed without a gift: %(kind)s")
            if promise:
                text = pgettext("loyalty", "Case made good: %(kind)s, %(gift)s")
            told = {"kind": cases.kind_in_words(case.kind), "gift": gift_of(case)}
            note(staff=staff, member=case.member, text=text % told)
    return done


def undo(*, staff: Any, case: Case, at: datetime) -> Outcome | None:
    """Open a case again for a member of staff, and take back what it gave; None where it is open already."""
    with transaction.atomic(using=write_db()):
        outcome = cases.open_again(case=case, at=at)
        if outcome is not None:
            text = pgettext("loyalty", "Case opened again: %(kind)s") % {"kind": cases.kind_in_words(case.kind)}
            note(staff=staff, member=case.member, text=text)
    return outcome


def gift_of(case: Case) -> str:
    """Return what a case gives or is proposed to give, in words; nothing for nothing."""
    unit = case.program.unit_or_none
    return words.promised(unit=unit, row=case) if unit and (case.points or case.reward) else ""


def in_words(rows: Iterable[Case]) -> list[dict[str, Any]]:
    """Return cases as lists show them. A query for the numbers of their orders, and one for who decided."""
    found = list(rows)
    orders = get_model("order", "Order").objects.in_bulk([case.order_id for case in found if case.order_id])
    known = actors.names(case.decided_by for case in found if case.decided_by)
    return [
        {
            "case": case,
            "kind": cases.kind_in_words(case.kind),
            "since": words.day(case.opened_at, zone=case.program.time_zone),
            "order": orders.get(case.order_id) if case.order_id else None,
            "order_url": order_url(orders[case.order_id]) if case.order_id in orders else "",
            "gift": gift_of(case),
            "decided": words.day(case.decided_at, zone=case.program.time_zone) if case.decided_at else "",
            "who": known.get(case.decided_by, ""),
            "url": url_of("loyalty:dashboard-case", case.pk),
        }
        for case in found
    ]


def with_names(rows: Any) -> Any:
    """Return cases (a queryset) with all that their words need."""
    return rows.select_related("member__user", "program__unit", "reward")


@contributions.register("front:program", "cases", order=25)
def waiting(*, subject: Unit, request: Any) -> Piece | None:
    """Return how many cases wait for somebody to decide, and the way to them where there ever was one. One query."""
    if not may_see(request.user):
        return None
    rows = Case.objects.filter(program_id=subject.program_id).order_by().values_list("state")
    found = dict(rows.annotate(number=Count("pk")))
    if not found:
        return None
    count = found.get(Case.State.OPEN, 0)
    text = npgettext("loyalty", "%(count)s case waits for you.", "%(count)s cases wait for you.", count)
    text = text if count else pgettext("loyalty", "No case waits for you.")
    told = {"text": text % {"count": money.number(count)}, "label": pgettext("loyalty", "Have a look")}
    return "loyalty/front/waiting.html", {**told, "url": url_of("loyalty:dashboard-cases")}


@contributions.register("dashboard:user", "cases", order=50)
def of_customer(*, subject: Any, request: Any) -> Piece | None:
    """Return the newest cases and answers of a customer. Two queries."""
    return _newest({"member__user_id": subject.pk}, request, "loyalty/dashboard/cases_of.html")


@contributions.register("admin:member", "cases", order=28)
def of_member(*, subject: Member, request: Any) -> Piece | None:
    """Return the newest cases and answers of a member."""
    return _newest({"member_id": subject.merged_into_id or subject.pk}, request, "loyalty/admin/cases_of.html")


def _newest(whose: Mapping[str, Any], request: Any, template: str) -> Piece | None:
    if not may_see(request.user):
        return None
    rows = with_names(Case.objects.filter(**whose)).order_by("-opened_at", "-pk")[:NEWEST]
    answers = Answer.objects.filter(**whose).select_related("member__program").order_by("-at", "-pk")[:NEWEST]
    told = [
        {
            "answer": answer,
            "said": said(question=answer.question, choice=answer.choice),
            "day": words.day(answer.at, zone=answer.member.program.time_zone),
        }
        for answer in answers
    ]
    found = in_words(rows)
    return (template, {"cases": found, "answers": told}) if found or told else None


@referents.register("case")
def case_of(*, key: str) -> tuple[str, str] | None:
    """Return a case by its kind, with its page on Oscar's dashboard."""
    number = key.partition(".")[0]
    case = Case.objects.filter(pk=number).first() if is_key(number) else None
    return (cases.kind_in_words(case.kind), reverse("loyalty:dashboard-case", args=[case.pk])) if case else None
