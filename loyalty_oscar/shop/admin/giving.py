"""Giving points to many members from a file in the admin: looked at row by row, then given, and undone as one act."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import path, reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.models import Batch
from loyalty_oscar.program import actors, clock, money, words
from loyalty_oscar.program.models import State, Unit
from loyalty_oscar.program.worth import worth

from .. import imports
from ..dashboard.permissions import BULK, may
from .pages import MemberPages

#: So many bytes a file has at most: two thousand rows with long reasons.
MOST_BYTES = 900_000
#: So many batches are listed.
LISTED = 20


class FileForm(forms.Form):
    """The file as it is chosen (`file`), or as the page that showed it sends it back (`text`)."""

    unit = forms.ModelChoiceField(label=pgettext_lazy("loyalty", "Program"), queryset=Unit.objects.none())
    name = forms.CharField(
        label=pgettext_lazy("loyalty", "Name"),
        max_length=100,
        help_text=pgettext_lazy("loyalty", "For your colleagues, like “Sorry for the strike in May”."),
    )
    file = forms.FileField(
        label=pgettext_lazy("loyalty", "File"),
        required=False,
        help_text=pgettext_lazy(
            "loyalty",
            "CSV in UTF-8 with the columns who (e-mail address, user name or public id), points (how much) and reason.",
        ),
    )
    text = forms.CharField(required=False, widget=forms.HiddenInput, strip=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        units = Unit.objects.exclude(program__state__in=(State.DRAFT, State.CLOSED)).select_related("program")
        field: Any = self.fields["unit"]
        field.queryset, field.label_from_instance = units, lambda unit: str(unit.program)
        field.initial = units.order_by("pk").first()
        if units.count() == 1:
            field.widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        file, text = data.get("file"), data.get("text", "")
        if not file and not text:
            self.add_error("file", pgettext("loyalty", "Choose a file."))
        elif (file.size if file else len(text.encode())) > MOST_BYTES:
            self.add_error("file", pgettext("loyalty", "This file is too big. Make two of it."))
        else:
            data["content"] = file.read() if file else text.encode()
        return data


class GivesToMany(MemberPages):
    """For the list of members: the page beside it that gives points from a file, and the one that undoes it."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        ways = [
            path("give/", wrap(self.give_view), name="loyalty_program_member_give"),
            path("give/<int:batch_id>/undo/", wrap(self.undo_view), name="loyalty_program_member_take"),
        ]
        return [*ways, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Show the way to the page above the list."""
        more = {"may_give_many": may(request.user, BULK), **(extra_context or {})}
        return super().changelist_view(request, more)

    def check_permission(self, request: HttpRequest) -> None:
        """Refuse who may not. Raises `PermissionDenied`."""
        if not self.has_view_permission(request) or not may(request.user, BULK):
            raise PermissionDenied

    def give_view(self, request: HttpRequest) -> HttpResponse:
        """Show what a file would give, row by row; give it once that is confirmed."""
        self.check_permission(request)
        at = clock.now()
        form = FileForm(request.POST or None, request.FILES or None)
        gifts, why = looked_at(form, request.user) if form.is_bound and form.is_valid() else (None, "")
        if gifts is not None and not why:
            why = refusal(gifts, request.user, at)
        if gifts is not None and not why and gifts.is_sound and "give" in request.POST:
            why = given(request, gifts, form.cleaned_data["name"], at)
            if not why:
                return HttpResponseRedirect(reverse("admin:loyalty_program_member_give"))
        context = {"title": pgettext("loyalty", "Give from a file"), "form": form, "why": why}
        if gifts is not None:
            context |= shown(gifts, form)
        return self.page_of(request, "loyalty/admin/give_many.html", batches=batches(), **context)

    def undo_view(self, request: HttpRequest, batch_id: int) -> HttpResponse:
        """Take back what a file gave, once that is confirmed."""
        self.check_permission(request)
        batch = get_object_or_404(Batch.objects.select_related("unit__program"), pk=batch_id)
        if request.method == "POST":
            try:
                rows = imports.undo_all(batch=batch, staff=request.user, at=clock.now())
                text = npgettext("loyalty", "%(rows)s row taken back.", "%(rows)s rows taken back.", rows)
                messages.success(request, text % {"rows": money.number(rows)}, fail_silently=True)
            except NotAllowed:
                messages.info(request, pgettext("loyalty", "It was undone before."), fail_silently=True)
            return HttpResponseRedirect(reverse("admin:loyalty_program_member_give"))
        return self.page_of(
            request, "loyalty/admin/take_many.html", title=pgettext("loyalty", "Take it back"), row=in_words(batch)
        )


def looked_at(form: FileForm, staff: Any) -> tuple[imports.Gifts | None, str]:
    """Return what a file says, or why it cannot be read."""
    data = form.cleaned_data
    try:
        return imports.read_gifts(content=data["content"], unit=data["unit"], staff=staff), ""
    except imports.BadFile as bad:
        form.add_error("file", bad.errors)
        return None, ""


def refusal(gifts: imports.Gifts, staff: Any, at: datetime) -> str:
    """Return why a file gives nothing now whatever stands in it, or nothing."""
    if gifts.given is not None:
        told = in_words(gifts.given)
        if gifts.given.undone_at:
            text = pgettext("loyalty", "This very file was given as “%(name)s” on %(day)s and undone. Change it first.")
            return text % told
        return pgettext("loyalty", "This very file was given as “%(name)s” on %(day)s. It gives nothing twice.") % told
    left = imports.left_today(staff=staff, at=at)
    if gifts.points > left:
        text = pgettext("loyalty", "These are more than you can give today: %(left)s are left.")
        return text % {"left": words.points(unit=gifts.unit, points=left)}
    return ""


def given(request: HttpRequest, gifts: imports.Gifts, name: str, at: datetime) -> str:
    """Give it; returns why it could not be given, or nothing."""
    try:
        batch = imports.give_all(gifts=gifts, name=name, staff=request.user, at=at)
    except NotAllowed:
        return pgettext("loyalty", "Something changed meanwhile. Please look at it again.")
    told = {"points": words.points(unit=gifts.unit, points=batch.points), "name": batch.name}
    text = pgettext("loyalty", "%(points)s given as “%(name)s”.")
    messages.success(request, text % told, fail_silently=True)
    return ""


def shown(gifts: imports.Gifts, form: FileForm) -> dict[str, Any]:
    """Return what the page says of a file."""
    wrong = sum(bool(row.faults) for row in gifts.rows)
    text = npgettext("loyalty", "%(rows)s row has a fault.", "%(rows)s rows have a fault.", wrong)
    value = worth(unit=gifts.unit, points=gifts.points)
    total = pgettext("loyalty", "%(points)s in all.")
    if value:
        total = pgettext("loyalty", "%(points)s in all, worth %(worth)s.")
    return {
        "gifts": gifts,
        "unit": gifts.unit,
        "total": total % {"points": words.points(unit=gifts.unit, points=gifts.points), "worth": value},
        "wrong": text % {"rows": money.number(wrong)} if wrong else "",
        "text": form.cleaned_data["content"].decode("utf-8-sig"),
        "name": form.cleaned_data["name"],
    }


def batches() -> list[dict[str, Any]]:
    """Return the newest batches in words."""
    return [in_words(row) for row in Batch.objects.select_related("unit__program").order_by("-pk")[:LISTED]]


def in_words(batch: Batch) -> dict[str, Any]:
    """Return a batch as a page tells of it."""
    zone = batch.unit.program.time_zone
    return {
        "pk": batch.pk,
        "name": batch.name,
        "day": words.day(batch.at, zone=zone),
        "who": actors.name(batch.actor),
        "rows": money.number(batch.rows),
        "points": words.points(unit=batch.unit, points=batch.points),
        "worth": worth(unit=batch.unit, points=batch.points),
        "undone": words.day(batch.undone_at, zone=zone) if batch.undone_at else "",
    }
