"""Bringing a friend in the admin: what each side gets, and the queue of those that wait for somebody's look."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import get_content_type_for_model
from django.core.exceptions import PermissionDenied
from django.db.models import Model, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program import actors, clock, contributions, money, words
from loyalty_oscar.program.admin import (
    STYLES,
    BehindFront,
    DeletesUnused,
    OnePerProgram,
    ReadOnly,
    TellsMore,
    has_begun,
)
from loyalty_oscar.program.finding import FindsMembers
from loyalty_oscar.program.forms import reward_fields
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.hooks import erasures, member_finders, reward_uses
from loyalty_oscar.program.models import Member, Reward
from loyalty_oscar.program.references import referents, row_of
from loyalty_oscar.program.zones import InProgramZone

from .forms import ReasonForm, SchemeForm
from .models import Code, Referral, Scheme
from .operations import decide, is_own
from .queries import referrals_of
from .rules import read_code
from .sentences import evidence, from_least, nothing_found, sentence

SIDES = ("giver", "newcomer")
ALLOW, BLOCK, UNDO = Referral.Decision.ALLOW, Referral.Decision.BLOCK, ""


@admin.register(Scheme)
class SchemeAdmin(BehindFront, OnePerProgram, TellsMore, TellsChanges, DeletesUnused, admin.ModelAdmin):
    """What each side gets in a program; switched off, never deleted."""

    change_form_template = "loyalty/admin/limits.html"
    form = SchemeForm
    list_display = ("program", "is_on", "says")
    list_select_related = ("program", "giver_reward", "newcomer_reward")

    class Media:
        css = STYLES

    def is_used(self, obj: Scheme) -> bool:
        return has_begun(obj.program)

    @admin.display(description=pgettext_lazy("loyalty", "who gets what"))
    def says(self, scheme: Scheme) -> str:
        unit = scheme.program.unit_or_none
        return sentence(scheme=scheme, unit=unit) if unit else ""

    @admin.display(description=pgettext_lazy("loyalty", "first order for at least"))
    def least_in_words(self, scheme: Scheme) -> str:
        return money.in_words(minor=scheme.least_minor, currency=scheme.program.currency)

    def get_readonly_fields(self, request: HttpRequest, obj: Scheme | None = None) -> tuple[str, ...]:
        return ("program", "least_in_words") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Scheme | None = None) -> tuple[str, ...]:
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        least = "least" if may else "least_in_words"
        giver = ("giver_points", *reward_fields("giver_reward"))
        newcomer = ("newcomer_points", *reward_fields("newcomer_reward"))
        return ("program", "is_on", *giver, *newcomer, "is_meant", least, "per_month", "is_approved")

    def told(self, request: HttpRequest, obj: Scheme) -> dict[str, Any]:
        return {"sentence": self.says(obj), "reads": pgettext("loyalty", "This invitation reads")}


@admin.register(Referral)
class ReferralAdmin(BehindFront, TellsMore, FindsMembers, ReadOnly, InProgramZone, admin.ModelAdmin):
    """Who was brought by whom. Rows are made by newcomers; staff decide, with a reason, and may take that back."""

    change_form_template = "loyalty/admin/referral.html"
    action_form = ReasonForm
    actions = ("allow", "block", "undo")
    list_display = ("newcomer", "giver", "code", "state", "found", "bound_at", "decision")
    list_filter = ("state", "decision", "program")
    list_select_related = ("giver__user", "giver__referral_code", "newcomer__user")
    ordering = ("-pk",)
    show_full_result_count = False
    member_paths = SIDES
    fields = (
        *("newcomer", "giver", "code", "state", "bound_at", "promised", "rewarded_at", "ready_at", "is_over_cap"),
        *("decision", "who", "decided_at", "reason"),
    )
    readonly_fields = ("code", "promised", "who")

    class Media:
        css = STYLES

    @admin.display(description=pgettext_lazy("loyalty", "code of who invited"), empty_value="")
    def code(self, referral: Referral) -> str:
        return referral.giver.referral_code.code if hasattr(referral.giver, "referral_code") else ""

    @admin.display(description=pgettext_lazy("loyalty", "what the checks found"))
    def found(self, referral: Referral) -> str:
        return "; ".join(evidence(referral=referral))

    @admin.display(description=pgettext_lazy("loyalty", "promised"))
    def promised(self, referral: Referral) -> str:
        unit = referral.program.unit_or_none
        if unit is None:
            return ""
        text = pgettext("loyalty", "%(giver)s to who invited, %(newcomer)s to the newcomer, first order %(least)s")
        if not referral.promise("giver"):
            text = pgettext("loyalty", "%(newcomer)s to the newcomer, nothing to who invited, first order %(least)s")
        elif not referral.promise("newcomer"):
            text = pgettext("loyalty", "%(giver)s to who invited, nothing to the newcomer, first order %(least)s")
        both = {side: words.promised(unit=unit, row=referral, prefix=f"{side}_") for side in SIDES}
        return text % {**both, "least": from_least(minor=referral.least_minor, currency=referral.program.currency)}

    @admin.display(description=pgettext_lazy("loyalty", "decided by"))
    def who(self, referral: Referral) -> str:
        return actors.name(referral.decided_by) if referral.decided_by else ""

    def has_decide_permission(self, request: HttpRequest) -> bool:
        """Deciding is what the permission to change a referral allows."""
        return request.user.has_perm("loyalty_referrals.change_referral")

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_view_permission(request, obj) or self.has_decide_permission(request)

    @admin.action(description=pgettext_lazy("loyalty", "Allow: they are rewarded as promised"), permissions=["decide"])
    def allow(self, request: HttpRequest, chosen: QuerySet[Referral]) -> None:
        self.decide_all(request, chosen, ALLOW)

    @admin.action(description=pgettext_lazy("loyalty", "Block: nobody is rewarded"), permissions=["decide"])
    def block(self, request: HttpRequest, chosen: QuerySet[Referral]) -> None:
        self.decide_all(request, chosen, BLOCK)

    @admin.action(description=pgettext_lazy("loyalty", "Take the decision back"), permissions=["decide"])
    def undo(self, request: HttpRequest, chosen: QuerySet[Referral]) -> None:
        self.decide_all(request, chosen, UNDO)

    def decide_all(self, request: HttpRequest, chosen: Iterable[Referral], decision: str) -> None:
        """Decide on each of these with the reason that was typed, log it, and say how many and which not."""
        done = 0
        told: dict[str, Any] = {"decision": decision, "reason": request.POST.get("reason", "")}
        told |= {"actor": actors.staff(request.user), "seen": request.POST.get("seen")}
        for referral in chosen:
            try:
                decide(referral=referral, **told, at=clock.now())
                self.log_change(request, referral, in_history(decision, told["reason"]))
                done += 1
            except LoyaltyError as error:
                text = pgettext("loyalty", "%(newcomer)s: nothing was decided (%(why)s).")
                messages.error(request, text % {"newcomer": referral.newcomer, "why": error})
        if done:
            messages.success(request, decided(decision, done))

    def get_urls(self) -> list[URLPattern]:
        one = path(
            "<path:object_id>/decide/",
            self.admin_site.admin_view(self.decide_view),
            name="loyalty_referrals_referral_decide",
        )
        return [one, *super().get_urls()]

    def decide_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take a decision from the page of one referral. Only by POST."""
        referral = self.get_object(request, object_id)
        if referral is None or request.method != "POST":
            raise Http404
        if not self.has_decide_permission(request):
            raise PermissionDenied
        decision = request.POST.get("decision", "")
        if decision not in (ALLOW, BLOCK, UNDO):
            raise Http404
        self.decide_all(request, [referral], decision)
        return HttpResponseRedirect(reverse("admin:loyalty_referrals_referral_change", args=[referral.pk]))

    def told(self, request: HttpRequest, obj: Referral) -> dict[str, Any]:
        own = is_own(referral=obj, actor=actors.staff(request.user))
        may = self.has_decide_permission(request) and not own
        return {
            "evidence": evidence(referral=obj),
            "nothing_found": nothing_found(referral=obj),
            "decisions": [one for one in (ALLOW, BLOCK) if one != obj.decision] if may else [],
            "is_own": own,
            "can_undo": may and bool(obj.decision),
            "panels": contributions.render("admin:referral", subject=obj, request=request),
        }


def in_history(decision: str, reason: str) -> str:
    """Return a decision as the history tells it: "Blocked: fraud, see ticket 7"."""
    told = {
        ALLOW: pgettext("loyalty", "Allowed"),
        BLOCK: pgettext("loyalty", "Blocked"),
        UNDO: pgettext("loyalty", "Decision taken back"),
    }
    return ": ".join(filter(None, [told[decision], reason.strip()]))[:250]


def without_reason(text: str) -> str:
    """Return what `in_history` said without the reason; so of rows from before, which began with a code."""
    first = text.partition(" ")[0]
    return first if first in (ALLOW, BLOCK, "undo") else text.partition(":")[0]


def decided(decision: str, count: int) -> str:
    """Say on how many friends this was decided."""
    text = npgettext("loyalty", "Allowed: %(count)s friend.", "Allowed: %(count)s friends.", count)
    if decision == BLOCK:
        text = npgettext("loyalty", "Blocked: %(count)s friend.", "Blocked: %(count)s friends.", count)
    elif decision == UNDO:
        text = npgettext(
            "loyalty",
            "The decision on %(count)s friend is taken back.",
            "The decisions on %(count)s friends are taken back.",
            count,
        )
    return text % {"count": money.number(count)}


referents.register("referral")(row_of(Referral))


@member_finders.register("codes")
def owner_of_code(*, text: str) -> list[int]:
    """Return the member who passes on this code."""
    return list(Code.objects.filter(code=read_code(text=text)).values_list("member_id", flat=True))


@reward_uses.register("referrals")
def friends_with(*, reward: Reward) -> Iterator[str]:
    """Name the friends, if one of two sides gets a reward, or was promised it."""
    of_a_side = Q(giver_reward=reward) | Q(newcomer_reward=reward)
    if Scheme.objects.filter(of_a_side).exists() or Referral.objects.filter(of_a_side).exists():
        yield pgettext("loyalty", "inviting friends")


@erasures.register("referral-log")
def forget_log(*, member: Member, at: datetime) -> None:
    """Drop names and reasons from the history of decisions when a side leaves; who decided what and when stays."""
    ids = [str(pk) for pk in referrals_of(member=member).values_list("pk", flat=True)]
    for row in LogEntry.objects.filter(content_type=get_content_type_for_model(Referral), object_id__in=ids):
        row.change_message, row.object_repr = without_reason(row.change_message), str(row.object_id)
        row.save(update_fields=["change_message", "object_repr"])
