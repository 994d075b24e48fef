"""The member's page: why she has what she has, and points given or taken by hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import KeyMismatch, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.ledger.queries import coming, expiring
from loyalty_oscar.program import actors, clock, contributions, words
from loyalty_oscar.program.admin import STYLES, ReadOnly
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import expiry_of
from loyalty_oscar.program.worth import worth
from loyalty_oscar.program.zones import InProgramZone

from ..dashboard.forms import ByHandForm
from ..dashboard.permissions import ADJUST, may_give

NEWEST = 50


@admin.register(Member)
class MemberAdmin(ReadOnly, InProgramZone, admin.ModelAdmin):
    """Members are made by joining, so their pages are for reading; points change through the form of their own."""

    change_form_template = "loyalty/admin/member.html"
    list_display = ("__str__", "program", "ready", "joined_at", "public_id")
    list_filter = ("program",)
    list_select_related = ("user", "program")
    ordering = ("-pk",)
    show_full_result_count = False
    search_help_text = pgettext_lazy("loyalty", "E-mail address, or the public id")
    fields = ("user", "program", "public_id", "joined_at", "terms_version", "terms_accepted_at", "merged_into")

    class Media:
        css = STYLES

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:
        return (f"user__{get_user_model().get_email_field_name()}", "=public_id")

    def get_queryset(self, request: HttpRequest) -> Any:
        accounts = Account.objects.filter(member=OuterRef("pk")).order_by("pk")
        return super().get_queryset(request).annotate(available=Subquery(accounts.values("available")[:1]))

    @admin.display(description=pgettext_lazy("loyalty", "ready"), ordering="available")
    def ready(self, member: Member) -> int:
        return member.available or 0

    def get_urls(self) -> list[Any]:
        adjust = path(
            "<path:object_id>/adjust/",
            self.admin_site.admin_view(self.adjust_view),
            name="loyalty_program_member_adjust",
        )
        return [adjust, *super().get_urls()]

    def changeform_view(self, request: HttpRequest, object_id: Any = None, form_url: str = "", extra_context=None):
        member = self.get_object(request, object_id) if object_id else None
        if member and self.has_view_permission(request, member):
            extra_context = {**(extra_context or {}), **self.about(request, member)}
        return super().changeform_view(request, object_id, form_url, extra_context)

    def about(self, request: HttpRequest, member: Member) -> dict[str, Any]:
        """Return what stands on a member's page: numbers, dates, statement, holds and what features add."""
        account = account_of(member)
        context: dict[str, Any] = {
            "account": account,
            "may_adjust": may_adjust(request.user, member),
            "goodwill_url": goodwill_url(request.user, member, account),
            "panels": contributions.render("admin:member", subject=member, request=request),
        }
        if account is None:
            return context
        unit, zone = account.unit, member.program.time_zone
        entries = account.entries.select_related("note").order_by("-seq")[:NEWEST]
        return context | {
            "unit": unit,
            "worth": worth(unit=unit, points=account.available),
            "coming": [(row, words.day(row.at, zone=zone) if row.at else "") for row in coming(account_id=account.pk)],
            "expiring": [
                (row, words.day(periods.last_day(expires_at=row.expires_at, zone=zone), zone=zone))
                for row in expiring(account_id=account.pk, at=clock.now())
            ],
            "statement": [
                {
                    "entry": entry,
                    "day": words.day(entry.effective_at, zone=zone),
                    "why": words.why(entry.because),
                    "who": actors.name(entry.actor),
                    "note": entry.note.text if hasattr(entry, "note") else "",
                }
                for entry in entries
            ],
            "holds": account.holds.filter(state=Hold.State.OPEN).order_by("pk"),
        }

    # By hand -----------------------------------------------------------------------------------------------------

    def adjust_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give or take points by hand, with a reason."""
        member = self.get_object(request, object_id)
        if member is None:
            raise Http404
        if not self.has_view_permission(request, member) or not may_adjust(request.user, member):
            raise PermissionDenied
        unit = getattr(member.program, "unit", None)
        form = ByHandForm(request.POST if request.method == "POST" else None, unit=unit)
        if request.method == "POST" and form.is_valid() and adjusted(request, member, form):
            text = pgettext("loyalty", "The points of %(member)s are changed.") % {"member": member}
            messages.success(request, text, fail_silently=True)
            return HttpResponseRedirect(reverse("admin:loyalty_program_member_change", args=[member.pk]))
        account = account_of(member)
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "Give or take points"),
            "opts": self.opts,
            "original": member,
            "form": form,
            "media": self.media,
            "account": account,
            "unit": unit,
        }
        return TemplateResponse(request, "loyalty/admin/adjust.html", context)


def account_of(member: Member) -> Account | None:
    """Return the account that a member uses points from, or None before the first points."""
    return member.accounts.select_related("unit__program").order_by("pk").first()


def may_adjust(user: Any, member: Member) -> bool:
    """Return whether somebody may change a member's points: with the permission of its own, and never on oneself."""
    own = member.user_id is not None and member.user_id == user.pk
    return user.has_perm(ADJUST) and not own and member.merged_into_id is None


def goodwill_url(user: Any, member: Member, account: Account | None) -> str:
    """Return where somebody may give this member goodwill points, or nothing."""
    if account is None or member.user_id in (None, user.pk) or not may_give(user):
        return ""
    try:
        return reverse("loyalty:dashboard-goodwill", args=[member.user_id, account.unit_id]) + "?back=member"
    except NoReverseMatch:
        return ""


def adjusted(request: HttpRequest, member: Member, form: ByHandForm) -> bool:
    """Make the change that a form asks for; what is refused stands on the form, and nothing is written."""
    data, unit, at = form.cleaned_data, getattr(member.program, "unit", None), clock.now()
    if unit is None:
        form.add_error(None, pgettext("loyalty", "The program has no kind of points yet."))
        return False
    try:
        ledger.adjust(
            account_id=ledger.open_account(member=member, unit=unit).pk,
            points=data["points"],
            key=f"manual:{data['token']}",
            because=Because("adjusted"),
            actor=actors.staff(request.user),
            note=data["reason"],
            at=at,
            expires_at=expiry_of(program=member.program, available_at=at),
        )
    except NotEnoughPoints:
        account = account_of(member)
        ready = words.points(unit=unit, points=account.available if account else 0)
        form.add_error(
            "points", pgettext("loyalty", "Only %(points)s can be taken: no more are ready.") % {"points": ready}
        )
    except KeyMismatch:
        form.add_error(None, pgettext("loyalty", "This form was sent before with another number. Open it anew."))
    return not form.errors
