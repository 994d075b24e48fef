"""Groups of members in the admin: named one by one, or by what is true of them; who is in, and what asks for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import PROTECT
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel import charts

from . import clock, money, words
from .admin import STYLES, ReadsAnyAddress, SaysWhatNeedsIt
from .drawing import drawn
from .history import TellsChanges
from .hooks import segment_uses
from .models import Member, Program, Segment, SegmentCount
from .queries import count_members
from .references import link_of, page_of
from .segment_forms import ListForm, RuleForm, SegmentForm, form_of
from .segment_rules import SLICE, holders, look_at_segment, look_soon
from .segment_words import reads, sentence
from .segments import set_members

#: So many members are named as examples, and so many days are drawn.
EXAMPLES, DAYS = 10, 90
#: What each kind is good for.
HELP = {
    Segment.Kind.LIST: pgettext_lazy("loyalty", "You name them one by one, such as friends of the house."),
    Segment.Kind.RULE: pgettext_lazy(
        "loyalty", "Whoever bought cat food lately, say. The shop looks every night who that is."
    ),
}
logger = logging.getLogger("loyalty_oscar")


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """How many members a segment would hold, and some of them, each with the address of a page of theirs."""

    count: int
    examples: Sequence[tuple[str, str]]

    @property
    def text(self) -> str:
        """How many, in a sentence."""
        text = npgettext("loyalty", "It would be %(count)s member.", "It would be %(count)s members.", self.count)
        return text % {"count": money.number(self.count)}


def would_hold(*, program_id: int, asked: Sequence[Any]) -> Held:
    """Return whom a segment would hold that asks for these traits. Raises what a trait raises."""
    count = 0
    some: list[int] = []
    for found in holders(program_id=program_id, asked=asked, at=clock.now()):
        count += len(found)
        some += list(islice(found, EXAMPLES - len(some)))
    members = Member.objects.filter(pk__in=some).select_related("user").order_by("pk")
    return Held(count=count, examples=[(str(member), page_of(member)) for member in members])


def uses_of(*, segment: Segment) -> Iterator[str | SafeString]:
    """Yield what asks for a segment, with a link where it has a page."""
    relations: list[Any] = list(Segment._meta.get_fields(include_hidden=True))
    for relation in relations:
        if getattr(relation, "on_delete", None) is PROTECT:
            rows = relation.related_model._default_manager.filter(**{relation.remote_field.name: segment})
            yield from (link_of(row) for row in rows.order_by("pk") if page_of(row))
    for said in segment_uses.answers(segment=segment):
        yield from said


@admin.register(Segment)
class SegmentAdmin(ReadsAnyAddress, SaysWhatNeedsIt, TellsChanges, admin.ModelAdmin):
    """Members for features to ask for. One that is asked for is not deleted, and none changes its kind."""

    change_form_template = "loyalty/admin/segment.html"
    list_display = ("name", "kind", "counted", "program")
    list_filter = ("program", "kind")
    list_select_related = ("program",)
    search_fields = ("name", "code")

    class Media:
        css = STYLES

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> tuple[str, ...]:
        return ("program", "code", "kind") if obj else ("kind",)

    def get_form(self, request: HttpRequest, obj: Segment | None = None, change: bool = False, **kwargs: Any) -> Any:
        told = {"form": form_of(kind=kind_of(request, obj)), "fields": ["program", "name", "code"]}
        return super().get_form(request, obj, change, **{**kwargs, **told})

    def get_fieldsets(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        who = ("program", "name", "code", *(("kind",) if obj else ()))
        if not (self.has_change_permission(request, obj) if obj else self.has_add_permission(request)):
            return [(None, {"fields": who})]
        if kind_of(request, obj) == Segment.Kind.LIST:
            return [(None, {"fields": (*who, "people")})]
        form = RuleForm(request.POST if request.method == "POST" else None, instance=obj)
        rows = [(label, {"fields": names}) for label, names in form.rows()]
        return [(None, {"fields": who}), *rows, (pgettext("loyalty", "What must be true"), {"fields": ("add",)})]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the kind of group first; the fields follow from it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("type") in Segment.Kind.values:
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "Who is to be in the group?"),
            "opts": self.opts,
            "media": self.media,
            "types": [(kind.value, capfirst(str(kind.label)), HELP[kind]) for kind in Segment.Kind],
            "units": Program.objects.exists(),
        }
        return TemplateResponse(request, "loyalty/admin/kinds.html", context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what names a group without a reference of the database, too, so that it is not deleted."""
        deleted, counted, missing, protected = super().get_deleted_objects(objs, request)
        said = [text for one in objs for found in segment_uses.answers(segment=one) for text in found]
        return deleted, counted, missing, [*protected, *said]

    def save_model(self, request: HttpRequest, obj: Segment, form: SegmentForm, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not form.has_changed():
            return
        if isinstance(form, ListForm):
            set_members(segment=obj, member_ids=[member.pk for member in form.cleaned_data["people"]], at=clock.now())
        else:
            look(request, obj)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        segment, form = kwargs.get("obj"), context["adminform"].form
        may = self.has_change_permission(request, segment) if segment else self.has_add_permission(request)
        context["may_look"] = may = may and isinstance(form, RuleForm)
        context["show_save_and_add_another"] = False
        if may and form.is_bound:
            context |= self.preview(request, form)
        elif segment:
            context["sentence"] = reads(segment=segment)
        if segment:
            told = npgettext("loyalty", "%(count)s member is in it.", "%(count)s members are in it.", segment.counted)
            context["counted"] = told % {"count": money.number(segment.counted)}
            if segment.kind == Segment.Kind.RULE and segment.counted_at:
                context["looked"] = words.moment(segment.counted_at, zone=segment.program.time_zone)
            context["uses"] = list(uses_of(segment=segment))
            context |= sizes(segment=segment)
        return super().render_change_form(request, context, *args, **kwargs)

    def preview(self, request: HttpRequest, form: RuleForm) -> dict[str, Any]:
        """Return who would be in a group as it was typed; nothing where that makes no sense yet."""
        asked = getattr(form, "asked", [])
        if form.errors or form.program is None or not asked:
            return {}
        told: dict[str, Any] = {"sentence": sentence(asked=asked, program_id=form.program.pk), "previewing": True}
        try:
            held = would_hold(program_id=form.program.pk, asked=asked)
        except Exception:
            logger.exception("a group of members cannot be counted")
            return told | {"held": pgettext("loyalty", "Who that is cannot be said now; the log says why.")}
        may = request.user.has_perm("loyalty_program.view_member")
        return told | {"held": held.text, "examples": held.examples if may else ()}


def kind_of(request: HttpRequest, segment: Segment | None) -> str:
    """Return the kind of a segment, or of the one that is to be added."""
    asked = request.GET.get("type", "")
    if segment is not None:
        return segment.kind
    return asked if asked in Segment.Kind.values else Segment.Kind.LIST


def look(request: HttpRequest, segment: Segment) -> None:
    """Look at once who is in a segment, where the program is not too large for that; say how it went."""
    if count_members(program=segment.program) > SLICE:
        look_soon(at=clock.now())
        text = pgettext("loyalty", "Who is in it is looked at with the next jobs.")
        messages.info(request, text, fail_silently=True)
        return
    try:
        look_at_segment(segment=segment, at=clock.now())
    except Exception:
        logger.exception("nobody comes into the segment %s, or leaves it", segment.code)
        text = pgettext("loyalty", "It is saved, but who is in it cannot be said now; the log says why.")
        messages.warning(request, text, fail_silently=True)


def sizes(*, segment: Segment) -> dict[str, Any]:
    """Return the size of a segment over time, as a chart and as rows; nothing before there are two days of it."""
    rows = list(SegmentCount.objects.filter(segment=segment).order_by("-day")[:DAYS])[::-1]
    if len(rows) < 2:
        return {}
    days = [words.day(row.day, zone="UTC") for row in rows]
    about = pgettext("loyalty", "A line from %(first)s to %(last)s; the table below has every number.")
    chart = drawn(
        chart=charts.line(values=[row.counted for row in rows]),
        name="size",
        title=pgettext("loyalty", "Members in the group"),
        about=about % {"first": days[0], "last": days[-1]},
        number=money.number,
        below=[words.short_day(row.day) for row in rows],
    )
    table = [(day, money.number(row.counted)) for day, row in zip(days, rows, strict=True)]
    return {"size": chart, "days": table[::-1]}
