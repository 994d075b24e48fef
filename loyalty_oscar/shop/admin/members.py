"""The member's page: why she has what she has, and points given or taken by hand."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.urls import path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.kernel import periods
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import KeyMismatch, NotEnoughPoints
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold
from loyalty_oscar.ledger.queries import coming, expiring
from loyalty_oscar.ledger.words import basket_in_words
from loyalty_oscar.program import actors, clock, contributions, words
from loyalty_oscar.program.admin import STYLES, ReadOnly, ReadsAnyAddress, TellsMore
from loyalty_oscar.program.finding import FindsMembers
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import expiry_of, versions
from loyalty_oscar.program.worth import worth
from loyalty_oscar.program.zones import InProgramZone

from ..dashboard import freezing, merging
from ..dashboard.by_hand import undone
from ..dashboard.forms import ByHandForm
from ..dashboard.history import messages_to, names_of, undo_url
from ..dashboard.links import url_of, user_url
from ..dashboard.members import MemberColumn, member_columns
from ..dashboard.permissions import ADJUST, is_own, may_give
from .export import members_as_csv
from .filters import FrozenFilter, LastOrderFilter, PointsFilter, StateOfPointsFilter, filter_of
from .freezing import FreezesMembers
from .giving import GivesToMany
from .merging import MergesMembers
from .personal import ExportsMembers

NEWEST = 50


class MembersList(ChangeList):
    """A page of members; what features tell of them is asked for all at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        members: Any = self.result_list
        for name, told in member_columns.handle(lambda column: column.texts(members=members)):
            for member in self.result_list:
                setattr(member, _kept(name), told.get(member.pk, ""))


def _kept(name: str) -> str:
    return f"_column_{name}"


def columns_of(request: Any) -> list[tuple[str, MemberColumn, list[tuple[str, str]]]]:
    """
    Return the columns that have something to tell, with what there is to choose from, asked once a request: where there
    are no levels, none of them.
    """
    if not hasattr(request, "loyalty_member_columns"):
        asked = member_columns.handle(lambda column: list(column.choices()))
        known = [(name, member_columns.get(name), choices) for name, choices in asked if choices]
        request.loyalty_member_columns = known
    return request.loyalty_member_columns


def has_programs() -> bool:
    """Return whether there are several programs to tell apart, as this process knows them."""
    return len(versions()) > 1


def shown(name: str, column: MemberColumn) -> Any:
    """Return a column of the list that shows what a feature told of a member."""

    @admin.display(description=column.label, empty_value="")
    def told(member: Member) -> str:
        return getattr(member, _kept(name), "")

    told.__name__ = name  # Which the cell's class is made from.
    return told


@admin.register(Member)
class MemberAdmin(
    ReadsAnyAddress,
    TellsMore,
    FreezesMembers,
    MergesMembers,
    GivesToMany,
    ExportsMembers,
    FindsMembers,
    ReadOnly,
    InProgramZone,
    admin.ModelAdmin,
):
    """Members are made by joining, so their pages are for reading; points change through the form of their own."""

    change_form_template = "loyalty/admin/member.html"
    change_list_template = "loyalty/admin/members.html"
    list_select_related = ("user", "program__unit")
    member_paths = ("",)
    actions = ("download",)
    ordering = ("-pk",)
    show_full_result_count = False
    fields = ("person", "program", "public_id", "joined_at", "terms_version", "terms_accepted_at", "merged_into")

    class Media:
        css = STYLES

    def get_queryset(self, request: HttpRequest) -> Any:
        accounts = Account.objects.filter(member=OuterRef("pk")).order_by("pk")
        orders = get_model("order", "Order").objects.filter(user_id=OuterRef("user_id")).order_by("-date_placed")
        buckets = {name: Subquery(accounts.values(name)[:1]) for name in ("available", "pending", "debt")}
        ordered = Subquery(orders.values("date_placed")[:1])
        return super().get_queryset(request).annotate(**buckets, ordered_at=ordered)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return MembersList

    def get_list_display(self, request: HttpRequest) -> tuple[Any, ...]:
        added = [shown(name, column) for name, column, _choices in columns_of(request)]
        program = ("program",) if has_programs() else ()
        return ("__str__", *program, *added, "ready", "on_the_way", "to_make_up", "last_order", "joined")

    def get_list_filter(self, request: HttpRequest) -> tuple[Any, ...]:
        added = [filter_of(name=name, column=column, choices=choices) for name, column, choices in columns_of(request)]
        program = ("program",) if has_programs() else ()
        return (*added, PointsFilter, StateOfPointsFilter, FrozenFilter, LastOrderFilter, *program)

    @admin.action(description=pgettext_lazy("loyalty", "Download as a CSV file"), permissions=["view"])
    def download(self, request: HttpRequest, queryset: Any) -> StreamingHttpResponse:
        return members_as_csv(members=queryset.select_related(*self.list_select_related))

    @admin.display(description=pgettext_lazy("loyalty", "person"))
    def person(self, member: Member) -> str:
        url = user_url(member.user) if member.user else ""
        return format_html('<a href="{}">{}</a>', url, member) if url else str(member)

    @admin.display(description=pgettext_lazy("loyalty", "ready"), ordering="available")
    def ready(self, member: Any) -> str:
        return in_column(member, member.available)

    @admin.display(description=pgettext_lazy("loyalty", "on the way"), ordering="pending")
    def on_the_way(self, member: Any) -> str:
        return in_column(member, member.pending)

    @admin.display(description=pgettext_lazy("loyalty", "to make up"), ordering="debt")
    def to_make_up(self, member: Any) -> str:
        return in_column(member, member.debt)

    @admin.display(description=pgettext_lazy("loyalty", "last order"), ordering="ordered_at")
    def last_order(self, member: Any) -> str:
        return short_day(member, member.ordered_at) if member.ordered_at else ""

    @admin.display(description=pgettext_lazy("loyalty", "joined"), ordering="joined_at")
    def joined(self, member: Member) -> str:
        return short_day(member, member.joined_at)

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.adjust_view)
        return [path("<path:object_id>/adjust/", view, name="loyalty_program_member_adjust"), *super().get_urls()]

    def told(self, request: HttpRequest, member: Member) -> dict[str, Any]:
        """Return what stands on a member's page: numbers, dates, statement, holds and what features add."""
        account = account_of(member)
        context: dict[str, Any] = {
            "account": account,
            "may_adjust": may_adjust(request.user, member),
            "goodwill_url": goodwill_url(request.user, member, account),
            "frozen": freezing.current(member=member),
            "freezes": freezing.history(member=member),
            "merges": merging.merges(member=member),
            "merge_url": merging.merge_url(staff=request.user, member=member),
            "may_merge": merging.may_merge(staff=request.user, member=member),
            "freeze_url": freezing.freeze_url(staff=request.user, member=member),
            "panels": contributions.render("admin:member", subject=member, request=request),
        }
        if account is None:
            return context
        unit, zone = account.unit, member.program.time_zone
        entries = list(account.entries.select_related("note").order_by("-seq")[:NEWEST])
        for entry in entries:
            entry.account = account
        known, gone = names_of(entries), undone(entries=entries)
        holds = account.holds.filter(state=Hold.State.OPEN).order_by("pk")
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
                    "who": known[entry.actor],
                    "undone": entry.pk in gone,
                    "undo_url": "" if entry.pk in gone else undo_url(entry=entry, staff=request.user, back="member"),
                    "note": entry.note.text if hasattr(entry, "note") else "",
                }
                for entry in entries
            ],
            "messages_to": messages_to(member=member, zone=zone),
            "holds": [(basket_in_words(origin=one.origin), one) for one in holds],
        }

    # By hand -----------------------------------------------------------------------------------------------------

    def adjust_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Give or take points by hand, with a reason."""
        member = self.member_of(request, object_id)
        if not may_adjust(request.user, member):
            raise PermissionDenied
        unit = member.program.unit_or_none
        form = ByHandForm(request.POST if request.method == "POST" else None, unit=unit)
        if request.method == "POST" and form.is_valid() and adjusted(request, member, form):
            text = pgettext("loyalty", "The balance of %(member)s is changed.") % {"member": member}
            messages.success(request, text, fail_silently=True)
            return HttpResponseRedirect(reverse("admin:loyalty_program_member_change", args=[member.pk]))
        account = account_of(member)
        title = pgettext("loyalty", "Give or take")
        about = {"original": member, "form": form, "account": account, "unit": unit}
        return self.page_of(request, "loyalty/admin/adjust.html", title=title, **about)


def short_day(member: Member, at: datetime) -> str:
    """Return the day of a moment as short as a column is narrow."""
    return date_format(periods.local_day(at=at, zone=member.program.time_zone), "SHORT_DATE_FORMAT")


def in_column(member: Member, points: int | None) -> str:
    """Return points as the list of members shows them; nothing says more than a column of zeros."""
    unit = member.program.unit_or_none
    if not points or unit is None:
        return ""
    return words.short(unit=unit, points=points)


def account_of(member: Member) -> Account | None:
    """Return the account that a member uses points from, or None before the first points."""
    return member.accounts.select_related("unit__program", "member").order_by("pk").first()


def may_adjust(user: Any, member: Member) -> bool:
    """Return whether somebody may change a member's points: with the permission of its own, and never on oneself."""
    return user.has_perm(ADJUST) and not is_own(user, member) and member.merged_into_id is None


def goodwill_url(user: Any, member: Member, account: Account | None) -> str:
    """Return where somebody may give this member goodwill points, or nothing."""
    if account is None or member.merged_into_id or member.user_id in (None, user.pk) or not may_give(user):
        return ""
    url = url_of("loyalty:dashboard-goodwill", member.user_id, account.unit_id)
    return f"{url}?back=member" if url else ""


def adjusted(request: HttpRequest, member: Member, form: ByHandForm) -> bool:
    """Make the change that a form asks for; what is refused stands on the form, and nothing is written."""
    data, unit, at = form.cleaned_data, member.program.unit_or_none, clock.now()
    if unit is None:
        form.add_error(None, pgettext("loyalty", "It is not said yet what members of the program collect."))
        return False
    try:
        posted = ledger.adjust(
            account_id=ledger.open_account(member=member, unit=unit).pk,
            points=data["points"],
            key=f"manual:{data['token']}",
            because=Because("adjusted"),
            actor=actors.staff(request.user),
            note=data["reason"],
            at=at,
            expires_at=expiry_of(program=member.program, available_at=at),
        )
        if not posted.replayed:
            moved = words.points(unit=unit, points=data["points"], signed=True)
            note(staff=request.user, member=member, text=pgettext("loyalty", "By hand: %(moved)s") % {"moved": moved})
    except NotEnoughPoints:
        account = account_of(member)
        ready = words.points(unit=unit, points=account.available if account else 0)
        form.add_error(
            "points", pgettext("loyalty", "Only %(points)s can be taken: no more are ready.") % {"points": ready}
        )
    except KeyMismatch:
        form.add_error(None, pgettext("loyalty", "This form was sent before with another number. Open it anew."))
    return not form.errors
