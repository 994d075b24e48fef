"""The program's page: what it promises, in whose words, and the steps of its life, each said before it is taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.apps import apps
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters, InlineModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.errors import NotAllowed

from . import actors, clock, contributions, money, operations
from .db import write_db
from .forms import (
    LONGEST_KEY,
    ProgramForm,
    Rows,
    StepForm,
    TermsForm,
    WorthForm,
    WorthRows,
    is_key,
    plural_samples,
    unit_form,
    word_field,
)
from .history import TellsChanges
from .hooks import program_pages, program_warnings, set_uses, state_change_notes
from .languages import language_name, languages
from .models import (
    Merge,
    Phase,
    PointWorth,
    ProductSet,
    Program,
    ProgramSite,
    Segment,
    State,
    TermsVersion,
    Unit,
)
from .numbers import NumbersInWords
from .queries import count_members
from .references import named, page_of, referents, row_of
from .second_look import back_in_words, given_back
from .segment_words import set_codes_of
from .terms_text import terms_to_fill_in
from .words import day
from .zones import InProgramZone, NamesZone, known_zones

STYLES = {"all": ["loyalty/admin.css"]}
#: A form with more fields than a thousand is refused by Django, and each row that an action asks about is one.
AT_ONCE = 500
#: What the button of each step says. Going on after a pause has a word of its own.
STEPS = {
    State.LIVE: pgettext_lazy("loyalty", "Go live"),
    State.PAUSED: pgettext_lazy("loyalty", "Pause"),
    State.CLOSING: pgettext_lazy("loyalty", "Close"),
    State.CLOSED: pgettext_lazy("loyalty", "Close for good"),
}


def loyalty_labels() -> list[str]:
    """Return the labels of our apps that are installed."""
    return [config.label for config in apps.get_app_configs() if config.name.startswith("loyalty_oscar.")]


def step_label(program: Program, to: str) -> str:
    """Return what the button for the next step says."""
    if program.state == State.PAUSED and to == State.LIVE:
        return pgettext("loyalty", "Go on")
    return str(STEPS[State(to)])


class ReadOnly:
    """For what is written by operations alone: everybody with the right may look, nobody may touch."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadsAnyAddress:
    """Pages that stand whatever somebody wrote into their address, also a number that no key can be."""

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # Django takes an empty `_to_field` for the name of a field.
        return super().get_object(request, object_id, from_field or None)  # type: ignore[misc]  # Of ModelAdmin.

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        try:
            return super().get_changelist_instance(request)  # type: ignore[misc]  # Of ModelAdmin.
        except (OverflowError, DataError) as error:
            raise IncorrectLookupParameters(error) from error  # Which Django answers with the list as a whole.

    def response_action(self, request: HttpRequest, queryset: Any, *more: Any, **options: Any) -> Any:
        """Do what was chosen for the rows that were ticked; of what no key can be there is no row."""
        ticked = request.POST.getlist(ACTION_CHECKBOX_NAME)
        if not all(one.isascii() and one.isdigit() and len(one) <= LONGEST_KEY for one in ticked):
            text = pgettext("loyalty", "Nothing was done. Tick rows of this list, and choose again.")
            messages.warning(request, text, fail_silently=True)
            return HttpResponseRedirect(request.get_full_path())
        # Django 6.1 says where the action stood, too.
        return super().response_action(request, queryset, *more, **options)  # type: ignore[misc]  # Of ModelAdmin.


def too_many(request: HttpRequest, count: int) -> bool:
    """Return whether an action cannot ask about so many rows at once, and say so."""
    if count > AT_ONCE:
        text = pgettext("loyalty", "Choose at most %(count)s at once.") % {"count": money.number(AT_ONCE)}
        messages.warning(request, text, fail_silently=True)
    return count > AT_ONCE


class BehindFront(ReadsAnyAddress):
    """
    Stands on the front page of loyalty, not in a box of its own on Django's index.

    Django asks this for its index and for the page of one app, and for nothing else; whoever may open a list still may.
    The page of the app itself stays, because the way back at the top of each page leads there.
    """

    opts: Any  # Of the `ModelAdmin` that it is mixed into.

    def has_module_permission(self, request: HttpRequest) -> bool:
        asked = getattr(request, "resolver_match", None)
        is_own = asked is not None and asked.kwargs.get("app_label") == self.opts.app_label
        return is_own and super().has_module_permission(request)  # type: ignore[misc]


class TellsMore:
    """A page of a row that shows more than its fields."""

    def told(self, request: HttpRequest, obj: Any) -> dict[str, Any]:
        """Return what the template of the page is told of a row that somebody may look at."""
        raise NotImplementedError

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        page: Any = self
        obj = page.get_object(request, object_id) if object_id else None
        if obj is not None and page.has_view_or_change_permission(request, obj):
            extra_context = {**(extra_context or {}), **self.told(request, obj)}
        found: HttpResponse = super().changeform_view(request, object_id, form_url, extra_context)  # type: ignore[misc]
        return found


class SaysWhatNeedsIt:
    """The pages that ask before something is deleted say in our words what needs it."""

    delete_confirmation_template: Any = "loyalty/admin/delete.html"
    delete_selected_confirmation_template: Any = "loyalty/admin/delete_many.html"


class DeletesUnused(SaysWhatNeedsIt):
    """What nobody used is deleted; the rest is followed or switched off, one at a time."""

    #: What to do about a row that stays.
    instead: Any = pgettext_lazy("loyalty", "Switch it off instead.")

    def is_used(self, obj: Any) -> bool:
        """Return whether something hangs on a row: then it stays."""
        raise NotImplementedError

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        may: bool = super().has_delete_permission(request, obj)  # type: ignore[misc]  # Of ModelAdmin.
        return may and (obj is None or not self.is_used(obj))

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say of what was used by the time that it is to be deleted why it stays."""
        page: Any = self
        obj = page.get_object(request, object_id)
        if obj is None or not super().has_delete_permission(request) or not self.is_used(obj):  # type: ignore[misc]
            found: HttpResponse = super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
            return found
        text = pgettext("loyalty", "“%(name)s” is in use or was, so it stays.") % {"name": obj}
        context = {**page.admin_site.each_context(request), "opts": page.opts, "original": obj, "title": text}
        told = {"instead": self.instead, "back": page_of(obj)}
        return TemplateResponse(request, "loyalty/admin/stays.html", context | told, status=403)

    def get_actions(self, request: HttpRequest) -> Any:
        # Only its own page says why a row stays.
        found = super().get_actions(request)  # type: ignore[misc]  # Of ModelAdmin.
        found.pop("delete_selected", None)
        return found


def has_begun(program: Program) -> bool:
    """Return whether a program was ever live or has members: what belongs to it stays from then on."""
    return program.earns_from is not None or program.members.exists()


class OnePerProgram:
    """For what a program has once: where every program has it, no button adds another."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may: bool = super().has_add_permission(request)  # type: ignore[misc]  # Of ModelAdmin.
        taken = self.model._default_manager.values("program")  # type: ignore[attr-defined]
        return may and Program.objects.exclude(pk__in=taken).exists()


class NoDelete:
    """For what is followed or switched off, never deleted."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class SiteInline(admin.TabularInline):
    model = ProgramSite
    formset = Rows
    extra = 0


class UnitInline(NoDelete, admin.StackedInline):
    model = Unit
    formset = Rows
    extra = 0
    min_num = 1

    def get_formset(self, request: HttpRequest, obj: Program | None = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, **{**kwargs, "form": unit_form(), "fields": ("code", "is_money")})

    def get_fieldsets(self, request: HttpRequest, obj: Program | None = None) -> Any:
        if not self.has_change_permission(request, obj):
            return [(None, {"fields": ["code", "is_money", "names"]})]
        unit = obj.unit_or_none if obj else None
        words = [
            (
                language_name(language),
                {
                    "fields": [
                        # An amount of money has no word after it.
                        (word_field(language, "title"),)
                        if unit and unit.is_money
                        else tuple(word_field(language, c) for c in (*plural_samples(language), "title"))
                    ]
                },
            )
            for language in languages()
        ]
        return [(None, {"fields": [("code", "is_money"), "is_meant"]}), *words]


class WorthInline(NumbersInWords, admin.TabularInline):
    model = PointWorth
    form = WorthForm
    formset = WorthRows
    readonly_fields = ("back", "worth")
    extra = 0

    def get_fields(self, request: HttpRequest, obj: Program | None = None) -> tuple[str, ...]:
        changes = self.has_change_permission(request, obj)
        typed = ("points", "amount", "currency", "back", "is_meant")
        return typed if changes else ("points", "worth", "currency", "back")

    @admin.display(description=pgettext_lazy("loyalty", "what comes back"))
    def back(self, row: PointWorth) -> str:
        """Say how much of what members spend comes back by it."""
        if not row.pk or row.currency != row.program.currency:
            return ""
        percent = given_back(program=row.program, at=clock.now())
        return back_in_words(percent) if percent is not None else ""

    @admin.display(description=pgettext_lazy("loyalty", "is worth"))
    def worth(self, row: PointWorth) -> str:
        return money.in_words(minor=row.minor, currency=row.currency) if row.pk else ""


def first_terms(program: Program | None) -> list[dict[str, Any]]:
    """Return what stands in the form for the first terms of a draft, to be filled in; nothing where there are any."""
    # As it is stored, whatever is typed on the page: who leaves the text alone writes no terms.
    stored = Program.objects.filter(pk=program.pk, state=State.DRAFT, terms=None).first() if program else None
    if stored is None:
        return []
    language = languages()[0]
    # With the ends of lines that browsers send back.
    text = terms_to_fill_in(program=stored, language=language).replace("\n", "\r\n")
    return [{"version": 1, "language": language, "text": text}]


class TermsInline(NoDelete, NamesZone, NumbersInWords, admin.StackedInline):
    """Terms are followed by the next version, never changed."""

    model = TermsVersion
    form = TermsForm
    formset = Rows
    fields = (("version", "language", "starts_at"), "text")

    def get_extra(self, request: HttpRequest, obj: Program | None = None, **kwargs: Any) -> int:
        return len(first_terms(obj))

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class PhaseInline(ReadOnly, admin.TabularInline):
    model = Phase
    formset = Rows
    fields = ("state", "starts_at", "who", "reason", "earning_ends_at", "spending_ends_at")
    readonly_fields = ("who",)
    verbose_name_plural = pgettext_lazy("loyalty", "History")

    @admin.display(description=pgettext_lazy("loyalty", "by"))
    def who(self, phase: Phase) -> str:
        return actors.name(phase.actor)


@admin.register(Program)
class ProgramAdmin(ReadsAnyAddress, TellsMore, TellsChanges, DeletesUnused, InProgramZone, admin.ModelAdmin):
    """One page for everything that a program promises."""

    instead = pgettext_lazy("loyalty", "Pause or close it instead.")
    change_form_template = "loyalty/admin/program.html"
    form = ProgramForm
    list_display = ("name", "state", "is_default", "earns_from", "currency")
    inlines = (UnitInline, WorthInline, SiteInline, TermsInline, PhaseInline)
    fieldsets = (
        (None, {"fields": ("name", "code", "is_default", "currency", "time_zone", "typed_name")}),
        (pgettext_lazy("loyalty", "Who takes part"), {"fields": ("enrolment",)}),
        (
            pgettext_lazy("loyalty", "How it is counted"),
            {
                "fields": ("earning_base", "excluded_set", "rounding", "rounding_stage"),
                "description": pgettext_lazy("loyalty", "How much comes of what the rules say."),
            },
        ),
        (pgettext_lazy("loyalty", "When it is ready"), {"fields": ("hold_days", "debt_policy")}),
        (
            pgettext_lazy("loyalty", "When it runs out"),
            {"fields": ("expiry", "expiry_months", ("expiry_day", "expiry_month"), "max_extensions")},
        ),
        (pgettext_lazy("loyalty", "Letters"), {"fields": ("letter_days", "existing_customers", "holdout_percent")}),
        (pgettext_lazy("loyalty", "What asks for a second look"), {"fields": ("much_percent", "much")}),
    )

    class Media:
        css = STYLES

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Show the one box of loyalty to everybody who may open anything of it."""
        return any(request.user.has_module_perms(label) for label in loyalty_labels())

    def get_model_perms(self, request: HttpRequest) -> dict[str, bool]:
        # Django leaves out a box without any right in it; this one says no more than that the box is there.
        return {**super().get_model_perms(request), "front": self.has_module_permission(request)}

    def is_used(self, obj: Program) -> bool:
        return has_begun(obj)

    def program_of(self, obj: Program) -> Program | None:
        return obj

    def chosen(self, request: HttpRequest) -> Program | None:
        # Its zone is typed on this very page.
        zone = request.POST.get("time_zone") or settings.TIME_ZONE
        return Program(time_zone=zone) if zone in known_zones() else None

    def get_readonly_fields(self, request: HttpRequest, obj: Program | None = None) -> tuple[str, ...]:
        return ("code",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Program | None = None) -> dict[str, Any]:
        return {} if obj else {"code": ("name",)}

    def get_formset_kwargs(
        self, request: HttpRequest, obj: Program, inline: InlineModelAdmin[Any, Any], prefix: str
    ) -> dict[str, Any]:
        told = super().get_formset_kwargs(request, obj, inline, prefix)
        return {**told, "initial": first_terms(obj)} if isinstance(inline, TermsInline) else told

    def get_urls(self) -> list[URLPattern]:
        step = path(
            "<path:object_id>/step/<slug:to>/",
            self.admin_site.admin_view(self.step_view),
            name="loyalty_program_program_step",
        )
        pages = [one for found in program_pages.answers(admin_site=self.admin_site) for one in found]
        return [step, *pages, *super().get_urls()]

    def told(self, request: HttpRequest, obj: Program) -> dict[str, Any]:
        steps = operations.WAYS[State(obj.state)] if self.has_change_permission(request, obj) else ()
        return {
            "steps": [(step_url(obj, to), step_label(obj, to)) for to in steps],
            "warnings": warnings_of(obj, clock.now()),
            "panels": contributions.render("admin:program", subject=obj, request=request),
        }

    def step_view(self, request: HttpRequest, object_id: str, to: str) -> HttpResponse:
        """Say what a step does and costs; take it once that is confirmed."""
        program = self.get_object(request, object_id)
        if program is None or to not in State.values:
            raise Http404
        if not self.has_change_permission(request, program):
            raise PermissionDenied
        back = HttpResponseRedirect(reverse("admin:loyalty_program_program_change", args=[program.pk]))
        if to not in operations.WAYS[State(program.state)]:
            text = pgettext("loyalty", "The program is %(state)s by now; this step is not open from there.")
            messages.error(request, text % {"state": program.get_state_display()}, fail_silently=True)
            return back
        at = clock.now()
        form = StepForm(request.POST if request.method == "POST" else None, program=program, to=to, at=at)
        if request.method == "POST" and form.is_valid() and self.take_step(request, program, to, form, at):
            return back
        context = {
            **self.admin_site.each_context(request),
            "title": step_label(program, to),
            "opts": self.opts,
            "original": program,
            "form": form,
            "media": self.media,
            "sentences": [text for said in state_change_notes.answers(program=program, to=to, at=at) for text in said],
            "warnings": warnings_of(program, at) if to == State.LIVE else [],
        }
        return TemplateResponse(request, "loyalty/admin/step.html", context)

    def take_step(self, request: HttpRequest, program: Program, to: str, form: StepForm, at: datetime) -> bool:
        try:
            operations.change_state(
                program=program,
                to=to,
                actor=actors.staff(request.user),
                at=at,
                reason=form.cleaned_data["reason"],
                earning_ends_at=form.earning_ends_at(),
            )
        except NotAllowed as error:
            form.add_error(None, str(error))
            return False
        program.refresh_from_db(using=write_db())
        self.log_change(request, program, f"{to} {form.cleaned_data['reason']}".strip())
        text = pgettext("loyalty", "%(program)s is %(state)s now.")
        told = text % {"program": program, "state": program.get_state_display()}
        messages.success(request, told, fail_silently=True)
        return True


def step_url(program: Program, to: str) -> str:
    """Return the page that says what a step does and asks to confirm it."""
    return reverse("admin:loyalty_program_program_step", args=[program.pk, to])


def warnings_of(program: Program, at: datetime) -> list[str]:
    """Return what is wrong with a program, as all features see it."""
    return [text for said in program_warnings.answers(program=program, at=at) for text in said]


def may_look(*, user: Any) -> bool:
    """Return whether somebody of staff may see programs."""
    return bool(user.has_perm("loyalty_program.view_program") or user.has_perm("loyalty_program.change_program"))


def looked_at(*, request: HttpRequest, key: str) -> Program:
    """
    Return the program that a page of a feature is about; it is said already what its members collect.

    Raises `PermissionDenied` for who may not see programs, and `Http404` where there is none of that key.
    """
    if not may_look(user=request.user):
        raise PermissionDenied
    program = Program.objects.filter(pk=key).first() if is_key(key) else None
    if program is None or program.unit_or_none is None:
        raise Http404
    return program


referents.register("program")(row_of(Program))


@referents.register("merge")
def merged_into(*, key: str) -> tuple[str, str] | None:
    """Return the member who goes on where two were merged."""
    merge = Merge.objects.select_related("into").filter(pk=key).first() if is_key(key) else None
    return (named(merge.into), page_of(merge.into)) if merge else None


@set_uses.register("program")
def sets_of_programs(*, product_set: ProductSet) -> Iterable[str]:
    """Name the programs in which its products bring no points."""
    return Program.objects.filter(excluded_set=product_set).values_list("name", flat=True)


@set_uses.register("segments")
def sets_of_segments(*, product_set: ProductSet) -> Iterator[str]:
    """Name the segments that ask for its products."""
    for segment in Segment.objects.filter(kind=Segment.Kind.RULE).order_by("pk"):
        if product_set.code in set_codes_of(asked=segment.traits):
            yield segment.name


@program_warnings.register("program", order=10)
def missing(*, program: Program, at: datetime) -> Iterator[str]:
    """Say what a program lacks."""
    if not hasattr(program, "unit"):
        yield pgettext("loyalty", "It is not said what members collect. Add it below.")
    if not program.worths.filter(currency=program.currency).exists():
        text = pgettext("loyalty", "What members have is worth nothing in %(currency)s yet. Add it below.")
        yield text % {"currency": program.currency}
    if not program.is_default and not program.sites.exists():
        yield pgettext("loyalty", "The program serves no site. Add one below, or make it the default program.")


@state_change_notes.register("program", order=10)
def consequences(*, program: Program, to: str, at: datetime) -> Iterable[str]:
    """Say what a step means for orders, and for how many people."""
    count = count_members(program=program)
    members = npgettext("loyalty", "%(count)d member takes part.", "%(count)d members take part.", count)
    return [*_meaning(program, to, at), members % {"count": count}]


def _meaning(program: Program, to: str, at: datetime) -> list[str]:
    if to == State.LIVE and program.earns_from is None:
        return [
            pgettext("loyalty", "Orders placed from this moment on count."),
            pgettext("loyalty", "Orders placed before bring nothing, and nobody is mailed about them."),
        ]
    if to == State.LIVE:
        return [pgettext("loyalty", "Orders earn again. Orders placed during the pause bring nothing.")]
    if to == State.PAUSED:
        return [
            pgettext("loyalty", "Orders placed during the pause bring nothing, and nobody can use what they have."),
            pgettext("loyalty", "Nothing runs out meanwhile: dates move by the length of the pause."),
        ]
    if to == State.CLOSING:
        until = day(at + timedelta(days=operations.CLOSING_DAYS), zone=program.time_zone)
        text = pgettext(
            "loyalty", "Everything can be used until %(day)s, or %(days)d days from the last day that earns."
        )
        return [
            pgettext("loyalty", "Orders placed after the day below bring nothing. There is no way back."),
            text % {"day": until, "days": operations.CLOSING_DAYS},
        ]
    return [pgettext("loyalty", "All that is left is written off. Statements stay readable.")]


from . import segment_admin  # noqa: E402, F401 - the pages of segments inherit from these
