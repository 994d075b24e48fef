"""Merging a member into another one in the admin: whom, what moves, and a typed name before anything does."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program import actors, clock
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Member, Merge

from ..dashboard.merging import WHY_NOT, may_merge, refusal, says
from .pages import MemberPages

#: So many members are offered where a search finds more than one.
OFFERED = 10


class IntoForm(forms.Form):
    """Into whom: what the list of members is searched by."""

    q = forms.CharField(
        label=pgettext_lazy("loyalty", "The member who stays"),
        max_length=200,
        widget=forms.TextInput(attrs={"size": 50}),
        help_text=pgettext_lazy("loyalty", "Name, e-mail address, order number, code for friends, or public id"),
    )


class TypedForm(forms.Form):
    """The name of the member who goes, typed."""

    typed = forms.CharField(label=pgettext_lazy("loyalty", "Type the name of the member who goes"), max_length=300)

    def __init__(self, *args: Any, name: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.name = name
        self.fields["typed"].help_text = name
        self.fields["typed"].widget.attrs |= {"size": 50, "autocomplete": "off"}

    def clean_typed(self) -> str:
        typed = self.cleaned_data["typed"].strip()
        if typed.casefold() != self.name.strip().casefold():
            text = pgettext("loyalty", "This is not the name. Type: %(name)s")
            raise forms.ValidationError(text % {"name": self.name})
        return typed


class MergesMembers(MemberPages):
    """For the page of members: the pages beside it that merge, and that undo it."""

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        ways = [
            path("<path:object_id>/merge/", wrap(self.merge_view), name="loyalty_program_member_merge"),
            path(
                "<path:object_id>/unmerge/<int:merge_id>/",
                wrap(self.unmerge_view),
                name="loyalty_program_member_unmerge",
            ),
        ]
        return [*ways, *super().get_urls()]

    def found(self, request: HttpRequest, text: str) -> list[Member]:
        """Return whom a search finds, as the list of members does."""
        rows, several = self.get_search_results(request, self.get_queryset(request), text)
        return list((rows.distinct() if several else rows)[:OFFERED])

    def merge_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask into whom, say what moves, and do it once the name is typed."""
        member, at = self.member_of(request, object_id), clock.now()
        if not may_merge(staff=request.user, member=member):
            raise PermissionDenied
        whom = IntoForm(request.GET if "q" in request.GET else None)
        offered = self.found(request, whom.cleaned_data["q"]) if whom.is_bound and whom.is_valid() else []
        offered = [one for one in offered if one.pk != member.pk]
        chosen = request.GET.get("into", "")
        into = self.get_object(request, chosen) if chosen else offered[0] if len(offered) == 1 else None
        if into is not None and not may_merge(staff=request.user, member=into):
            raise PermissionDenied
        why = refusal(member=member, into=into, at=at) if into is not None else ""
        form = TypedForm(request.POST if request.method == "POST" else None, name=str(member))
        if request.method == "POST" and into is not None and not why and form.is_valid():
            why = merged(request, member, into, at)
            if not why:
                return HttpResponseRedirect(reverse("admin:loyalty_program_member_change", args=[into.pk]))
        return self.page_of(
            request,
            "loyalty/admin/merge.html",
            title=pgettext("loyalty", "Merge into another member"),
            original=member,
            whom=whom,
            offered=[] if into is not None else offered,
            nobody=whom.is_bound and not offered and into is None,
            into=into,
            why=why,
            says=says(member=member, into=into, at=at) if into is not None and not why else (),
            form=form,
        )

    def unmerge_view(self, request: HttpRequest, object_id: str, merge_id: int) -> HttpResponse:
        """Undo a merge, once that is confirmed."""
        member = self.member_of(request, object_id)
        if not may_merge(staff=request.user, member=member):
            raise PermissionDenied
        row = Merge.objects.filter(pk=merge_id, member=member).select_related("into__user").first()
        if row is None:
            raise Http404
        if not may_merge(staff=request.user, member=row.into):
            raise PermissionDenied
        if request.method == "POST":
            undone(request, row)
            return HttpResponseRedirect(reverse("admin:loyalty_program_member_change", args=[member.pk]))
        title = pgettext("loyalty", "Undo the merge")
        return self.page_of(request, "loyalty/admin/unmerge.html", title=title, original=member, into=row.into)


def merged(request: HttpRequest, member: Member, into: Member, at: datetime) -> str:
    """Merge, and say so in both histories; returns why it could not be done, or nothing."""
    try:
        ledger.merge(member=member, into=into, actor=actors.staff(request.user), at=at)
    except ledger.CannotMerge as error:
        return str(WHY_NOT[error.code]())
    note(staff=request.user, member=member, text=pgettext("loyalty", "Merged into %(id)s") % {"id": into.public_id})
    note(staff=request.user, member=into, text=pgettext("loyalty", "%(id)s merged in") % {"id": member.public_id})
    text = pgettext("loyalty", "%(member)s and %(into)s are one member now.") % {"member": member, "into": into}
    messages.success(request, text, fail_silently=True)
    return ""


def undone(request: HttpRequest, row: Merge) -> None:
    """Undo a merge and say so in both histories, or say why it cannot be undone."""
    try:
        ledger.unmerge(merge=row, actor=actors.staff(request.user), at=clock.now())
    except ledger.CannotMerge as error:
        messages.error(request, WHY_NOT[error.code](), fail_silently=True)
        return
    for member in (row.member, row.into):
        note(staff=request.user, member=member, text=pgettext("loyalty", "Merge undone"))
    messages.success(request, pgettext("loyalty", "They are two members again."), fail_silently=True)
