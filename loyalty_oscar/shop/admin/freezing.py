"""Freezing the points of a member in the admin, and releasing them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel import periods
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program import actors, clock, words
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Member

from ..dashboard.freezing import current, history, may_freeze
from .pages import MemberPages


class FreezeForm(forms.Form):
    """Why, until when, and what orders bring meanwhile."""

    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=300,
        widget=forms.TextInput(attrs={"size": 60}),
        help_text=pgettext_lazy(
            "loyalty", "For your colleagues; the customer finds it only in a download of their data."
        ),
    )
    last_day = forms.DateField(
        label=pgettext_lazy("loyalty", "Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        help_text=pgettext_lazy("loyalty", "Ends by itself after this day. Empty: until somebody ends it."),
    )
    earns = forms.BooleanField(
        label=pgettext_lazy("loyalty", "Orders go on counting"),
        required=False,
        initial=True,
        help_text=pgettext_lazy("loyalty", "Without it, orders placed meanwhile bring nothing, also later on."),
    )

    def __init__(self, *args: Any, zone: str, at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone, self.today = zone, periods.local_day(at=at, zone=zone)

    def clean_last_day(self) -> date | None:
        day = self.cleaned_data["last_day"]
        if day is not None and day < self.today:
            raise forms.ValidationError(pgettext("loyalty", "This day is over. Choose today or a later one."))
        if day is not None and day.year > self.today.year + 10:
            raise forms.ValidationError(
                pgettext("loyalty", "Choose a day within ten years, or leave it empty: until somebody ends it.")
            )
        return day

    @property
    def until(self) -> datetime | None:
        """The moment (excluded) that the last day ends with."""
        day = self.cleaned_data["last_day"]
        return periods.start_of_day(day=day + timedelta(days=1), zone=self.zone) if day else None


class FreezesMembers(MemberPages):
    """For the page of members: the page beside it that freezes."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.freeze_view)
        return [path("<path:object_id>/freeze/", view, name="loyalty_program_member_freeze"), *super().get_urls()]

    def freeze_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Freeze a member's points, freeze them on other terms, or release them."""
        member = self.member_of(request, object_id)
        if not may_freeze(staff=request.user, member=member):
            raise PermissionDenied
        at, zone = clock.now(), member.program.time_zone
        back = HttpResponseRedirect(reverse("admin:loyalty_program_member_change", args=[member.pk]))
        if request.method == "POST" and "end" in request.POST:
            release(request, member, at)
            return back
        form = FreezeForm(request.POST if request.method == "POST" else None, zone=zone, at=at)
        if request.method == "POST" and form.is_valid():
            freeze(request, member, form, at)
            return back
        return self.page_of(
            request,
            "loyalty/admin/freeze.html",
            title=pgettext("loyalty", "Freeze the account"),
            original=member,
            form=form,
            now=current(member=member),
            freezes=history(member=member),
        )


def freeze(request: HttpRequest, member: Member, form: FreezeForm, at: datetime) -> None:
    """Freeze, and say in the member's history until when."""
    data, until = form.cleaned_data, form.until
    ledger.freeze(
        member=member,
        until=until,
        earns=data["earns"],
        reason=data["reason"],
        actor=actors.staff(request.user),
        at=at,
    )
    text = pgettext("loyalty", "Frozen until somebody ends it")
    if data["last_day"]:
        text = pgettext("loyalty", "Frozen until %(day)s") % {"day": words.day(data["last_day"], zone=form.zone)}
    note(staff=request.user, member=member, text=text)
    told = pgettext("loyalty", "The account of %(member)s is frozen.") % {"member": member}
    messages.success(request, told, fail_silently=True)


def release(request: HttpRequest, member: Member, at: datetime) -> None:
    """End the freeze; one that was over already is no error."""
    if ledger.end_freeze(member=member, actor=actors.staff(request.user), at=at):
        note(staff=request.user, member=member, text=pgettext("loyalty", "Released"))
    text = pgettext("loyalty", "%(member)s can use everything again.") % {"member": member}
    messages.success(request, text, fail_silently=True)
