"""Rules in the admin: typed fields for each kind, the sentence that reads a rule back, and a preview of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program import actors, clock, contributions, money
from loyalty_oscar.program.admin import STYLES, BehindFront, DeletesUnused, ReadOnly, has_begun
from loyalty_oscar.program.forms import Rows, is_key
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.hooks import program_warnings, segment_uses, set_uses, state_change_notes
from loyalty_oscar.program.in_force import InForce, InForceFilter, TellsInForce, in_force_at
from loyalty_oscar.program.models import ProductSet, Program, Segment, State, Unit
from loyalty_oscar.program.references import page_of
from loyalty_oscar.program.words import day as in_words
from loyalty_oscar.program.words import moment
from loyalty_oscar.program.words import number as number_in_words
from loyalty_oscar.program.words import points as points_in_words
from loyalty_oscar.program.zones import picked

from . import operations, params
from .allowances import budgets_of
from .clashes import clashes, in_sentences
from .forms import MOSTS, RuleFormBase, gives_share, rule_form
from .give_back import everywhere, give_back
from .models import Rule, RuleVersion
from .queries import in_force, not_over, planned_after, rule_book, version_shown, versions_from
from .rules import RuleInForce, earning_rules
from .sentences import ends_in_words, sentence

#: What a kind of rule is called, and what it is good for.
TYPES = {
    "per-amount": (
        pgettext_lazy("loyalty", "For money paid"),
        pgettext_lazy("loyalty", "The base of most programs: so much for each 1.00."),
    ),
    "multiplier": (
        pgettext_lazy("loyalty", "Multiply"),
        pgettext_lazy("loyalty", "For a campaign: twice as much on cat food in May."),
    ),
    "per-unit": (
        pgettext_lazy("loyalty", "For a product"),
        pgettext_lazy("loyalty", "A fixed number for each piece of some products."),
    ),
    "first-order": (
        pgettext_lazy("loyalty", "For the first order"),
        pgettext_lazy("loyalty", "A welcome for new customers."),
    ),
    "per-order": (
        pgettext_lazy("loyalty", "For an order"),
        pgettext_lazy("loyalty", "A fixed number for each order, such as one from 50.00 on."),
    ),
    "every-nth": (
        pgettext_lazy("loyalty", "For every so many pieces"),
        pgettext_lazy("loyalty", "A fixed number for every third bag of cat food in one order, say."),
    ),
}


def type_name(code: str) -> str:
    """Return what a kind of rule is called; one of the store's own is called by its code."""
    return str(TYPES[code][0]) if code in TYPES else capfirst(code.replace("-", " "))


def type_help(code: str) -> str:
    """Return what a kind of rule is good for; one of the store's own says it in its docstring."""
    if code in TYPES:
        return str(TYPES[code][1])
    lines = (earning_rules.get(code).__doc__ or "").strip().splitlines()
    return lines[0] if lines and not lines[0].startswith(f"{earning_rules.get(code).__name__}(") else ""


class KindFilter(admin.SimpleListFilter):
    """Filters rules by kind, by its name."""

    title = pgettext_lazy("loyalty", "kind")
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin[Rule]) -> list[tuple[str, str]]:
        codes = Rule.objects.order_by("type").values_list("type", flat=True).distinct()
        return [(code, type_name(code)) for code in codes]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Rule]) -> QuerySet[Rule]:
        return queryset.filter(type=self.value()) if self.value() else queryset


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as it stands on the page; `stored` says that it is what is saved and in force already."""

    unit: Unit
    rule: RuleInForce
    stored: bool


def reads(version: RuleVersion) -> SafeString | str:
    """Return a stored version as a sentence, or what is wrong with it."""
    try:
        return sentence(rule=in_force(version=version), unit=version.rule.unit)
    except LoyaltyError as error:
        return pgettext("loyalty", "This rule no longer works: %(error)s") % {"error": error}


def stands(rule: Rule, at: datetime) -> InForce:
    """Return how a rule stands at a moment, by the version that is in force or comes."""
    versions = [version for version in versions_from(versions=rule.versions.all(), moment=at) if version.is_on]
    if not versions:
        return InForce.OFF
    version, zone = versions[0], ZoneInfo(rule.program.time_zone)
    version.rule = rule
    try:
        found = in_force(version=version)
    except LoyaltyError:
        return in_force_at(at=at, is_on=True, starts_at=version.valid_from)  # The rule says itself what is wrong.
    first, last = (datetime.fromisoformat(day).replace(tzinfo=zone) if day else None for day in found.days())
    budget, given = found.budget(), rule.budget.taken if hasattr(rule, "budget") else 0
    return in_force_at(
        at=at,
        is_on=True,
        starts_at=max(first, version.valid_from) if first else version.valid_from,
        ends_at=last + timedelta(days=1) if last else None,
        is_spent=budget is not None and given >= budget,
    )


def given_back(draft: Draft) -> str:
    """Say how much of the money paid comes back where a rule counts; nothing where that is no share of it."""
    back = give_back(rule=draft.rule, unit=draft.unit, at=clock.now())
    if back is None:
        return ""
    text = pgettext("loyalty", "You give back %(percent)s\u00a0%% of the money paid, with what counts everywhere.")
    others = [one for one in everywhere(unit=draft.unit, at=clock.now()) if one.code != draft.rule.code]
    ends = ends_in_words(rules=[draft.rule, *others], unit=draft.unit, about=draft.rule.code)
    return " ".join([text % {"percent": money.number(back)}, *ends])


def begins(version: RuleVersion) -> str:
    """Return the day on which a version begins, in words."""
    return in_words(version.valid_from, zone=version.rule.unit.program.time_zone)


def coming_of(rule: Rule) -> list[dict[str, Any]]:
    """Return what is planned for a rule: from when, what it says then, and where that is taken back."""
    return [
        {
            "day": begins(version),
            "says": reads(version) if version.is_on else "",
            "url": reverse("admin:loyalty_earning_rule_take_back", args=[rule.pk, version.pk]),
        }
        for version in planned_after(versions=rule.versions.select_related("rule__unit__program"), moment=clock.now())
    ]


def copied(key: str, kind: str) -> Rule | None:
    """Return the rule that a new one of a kind is to be a copy of, if there is one."""
    rules = Rule.objects.select_related("unit__program").filter(type=kind)
    return rules.filter(pk=key).first() if is_key(key) else None


def unit_on(request: HttpRequest, source: Rule | None) -> Unit | None:
    """Return what a new rule is about: as chosen, else as in the rule that it is a copy of, else the only one."""
    units = Unit.objects.select_related("program")
    only = units[0] if units.count() == 1 else None
    return picked(units, "unit", request) or (source.unit if source else only)


def budget_bar(draft: Draft) -> dict[str, Any] | None:
    """Return how much of its budget a rule has given, in words and for a bar; None without a budget."""
    given, most = budgets_of(rules=[draft.rule]).get(draft.rule.rule_id, (0, 0))
    if not most:
        return None
    told = {
        "given": number_in_words(unit=draft.unit, points=given),
        "most": points_in_words(unit=draft.unit, points=most),
        "percent": money.number(given * 100 // most),
    }
    text = pgettext("loyalty", "%(given)s of %(most)s are given (%(percent)s\u00a0%%).") % told
    return {"text": text, "given": given, "most": most}


class VersionInline(ReadOnly, admin.TabularInline):
    """What the rule said, and from when."""

    model = RuleVersion
    formset = Rows
    fields = ("number", "since", "is_on", "says", "who")
    readonly_fields = ("since", "says", "who")
    ordering = ("-number",)
    verbose_name_plural = pgettext_lazy("loyalty", "History")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleVersion]:
        return super().get_queryset(request).select_related("rule__unit__program__excluded_set")

    @admin.display(description=pgettext_lazy("loyalty", "from"))
    def since(self, version: RuleVersion) -> str:
        return moment(version.valid_from, zone=version.rule.unit.program.time_zone)

    @admin.display(description=pgettext_lazy("loyalty", "the rule"))
    def says(self, version: RuleVersion) -> str:
        return reads(version)

    @admin.display(description=pgettext_lazy("loyalty", "by"))
    def who(self, version: RuleVersion) -> str:
        return actors.name(version.actor)


@admin.register(Rule)
class RuleAdmin(BehindFront, TellsInForce, TellsChanges, DeletesUnused, admin.ModelAdmin):
    """A page for each rule; saving writes its next version. One that was never in force is deleted."""

    change_form_template = "loyalty/admin/rule.html"
    list_display = ("name", "kind", "says", "state", "program")
    list_filter = ("program", InForceFilter, KindFilter)
    search_fields = ("name", "code")
    actions = ("switch_off", "switch_on")
    inlines = (VersionInline,)

    class Media:
        css = STYLES

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        begun = RuleVersion.objects.filter(rule=OuterRef("pk"), valid_from__lte=clock.now())
        newest = begun.order_by("-valid_from", "-number")
        rules = super().get_queryset(request).select_related("unit__program__excluded_set", "program", "budget")
        return rules.annotate(is_on=Subquery(newest.values("is_on")[:1])).prefetch_related("versions")

    def is_used(self, obj: Rule) -> bool:
        # Orders of the time when it was in force may wait to be counted, and be looked at for years.
        return has_begun(obj.program) and any(version.is_on for version in obj.versions.all())

    @admin.display(description=pgettext_lazy("loyalty", "kind"), ordering="type")
    def kind(self, rule: Rule) -> str:
        return type_name(rule.type)

    def in_force(self, obj: Rule, at: datetime) -> InForce:
        return stands(obj, at)

    @admin.display(description=pgettext_lazy("loyalty", "the rule"))
    def says(self, rule: Rule) -> str:
        version = version_shown(versions=rule.versions.all(), moment=clock.now())
        if version is None:
            return ""
        version.rule = rule
        return reads(version)

    # The form ---------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Rule | None = None) -> tuple[str, ...]:
        return ("code", "unit", "kind") if obj else ()

    def get_form(self, request: HttpRequest, obj: Rule | None = None, change: bool = False, **kwargs: Any) -> Any:
        programs = [obj.program] if obj else list(Program.objects.prefetch_related("worths"))
        codes = params.currencies(programs) or ["EUR"]
        kind = obj.type if obj else request.GET.get("type", "")
        source = None if obj else copied(request.GET.get("copy", ""), kind)
        unit = obj.unit if obj else unit_on(request, source)
        is_share = kind == "per-amount" and gives_share(unit=unit, rule=obj or source)
        form = rule_form(type=kind, codes=codes, source=source, is_share=is_share)
        return super().get_form(request, obj, change, **{**kwargs, "form": form, "fields": ["name", "code", "unit"]})

    def get_inlines(self, request: HttpRequest, obj: Rule | None) -> Any:
        return self.inlines if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Rule | None = None) -> Any:
        who = ("name", "kind", "code", "unit") if obj else ("name", "code", "unit")
        if obj and not self.has_change_permission(request, obj):
            return [(None, {"fields": who})]
        form = self.get_form(request, obj)
        gives = [name for name in form.base_fields if name.startswith("p_")]
        picks = [name for name in form.base_fields if name.startswith(("inside_", "outside_"))]
        sets = [*(("inside", "outside") if params.set_choices() else ()), *picks]
        sets.sort(key=lambda name: name.partition("_")[0])
        shown = form(instance=obj).fields
        level = ("level",) if shown["level"].choices else ()
        segment = ("segment",) if shown["segment"].choices else ()
        others = [name for name in form.base_fields if name.startswith(("use_", "c_"))]
        return [
            (None, {"fields": (*who, "is_on")}),
            (pgettext("loyalty", "What it gives"), {"fields": (*gives, "is_meant")}),
            (pgettext("loyalty", "How much at most"), {"fields": MOSTS}),
            (
                pgettext("loyalty", "For what"),
                {
                    "fields": (
                        *sets,
                        "minimum",
                        "minimum_currency",
                        "order_pieces",
                        "line_pieces",
                        *level,
                        *segment,
                        *others,
                    )
                },
            ),
            (pgettext("loyalty", "When"), {"fields": ("first", "last", "days", "start", "end", "counts_from")}),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the kind of rule first; the fields follow from it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("type") in earning_rules:
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "What should the rule do?"),
            "opts": self.opts,
            "media": self.media,
            "types": [(code, type_name(code), type_help(code)) for code in earning_rules],
            "units": Unit.objects.exists(),
        }
        return TemplateResponse(request, "loyalty/admin/kinds.html", context)

    def save_model(self, request: HttpRequest, obj: Rule, form: RuleFormBase, change: bool) -> None:
        form.make_picked()
        rule = operations.save_rule(
            unit=form.unit,
            code=obj.code,
            name=obj.name,
            type=form.type,
            params=form.params_typed,
            narrowed=form.narrowed,
            is_on=form.cleaned_data["is_on"],
            starts_at=form.starts_at,
            actor=actors.staff(request.user),
            at=clock.now(),
        )
        obj.pk, obj.program, obj.type = rule.pk, rule.program, rule.type
        obj._state.adding = False
        if form.rule and form.cleaned_data["is_on"]:
            found = clashes(rule=form.rule, unit=form.unit, at=clock.now())
            for text in in_sentences(found=found, unit=form.unit, about=form.rule):
                messages.warning(request, text, fail_silently=True)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        rule = kwargs.get("obj")
        draft = self.draft(context["adminform"].form, rule)
        if draft:
            form = context["adminform"].form
            context["sentence"] = sentence(rule=draft.rule, unit=draft.unit, names=form.set_names())
            context["picks"] = bool(form.picks)
            context["budget"] = budget_bar(draft)
            found = clashes(rule=draft.rule, unit=draft.unit, at=clock.now())
            context["clashes"] = in_sentences(found=found, unit=draft.unit, about=draft.rule)
            context["give_back"] = given_back(draft)
            context["panels"] = contributions.render("admin:rule", subject=draft, request=request)
        elif rule and (newest := version_shown(versions=rule.versions.all(), moment=clock.now())):
            context["sentence"] = reads(newest)
        if rule:
            context["coming"] = coming_of(rule)
            context["is_over"] = stands(rule, clock.now()) == InForce.OVER
            context["copy_url"] = f"{reverse('admin:loyalty_earning_rule_add')}?type={rule.type}&copy={rule.pk}"
        context["previewing"] = "_preview" in request.POST
        context["show_save_and_add_another"] = False
        context["may_save"] = self.has_change_permission(request, rule) if rule else self.has_add_permission(request)
        return super().render_change_form(request, context, *args, **kwargs)

    def draft(self, form: Any, rule: Rule | None) -> Draft | None:
        """Return the rule as typed where the form was sent, else as stored; None where it doesn't build."""
        if form.is_bound:
            typed = getattr(form, "rule", None)
            return Draft(form.unit, typed, stored=False) if typed else None
        newest = version_shown(versions=rule.versions.all(), moment=clock.now()) if rule else None
        try:
            return Draft(newest.rule.unit, in_force(version=newest), stored=newest.is_on) if newest else None
        except LoyaltyError:
            return None

    # Planned versions ---------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        take_back = self.admin_site.admin_view(self.take_back)
        name = "loyalty_earning_rule_take_back"
        return [path("<int:rule_id>/take-back/<int:version_id>/", take_back, name=name), *super().get_urls()]

    def take_back(self, request: HttpRequest, rule_id: int, version_id: int) -> HttpResponse:
        """Take back a version that was planned."""
        version = get_object_or_404(RuleVersion.objects.select_related("rule"), pk=version_id, rule_id=rule_id)
        if request.method != "POST" or not self.has_change_permission(request, version.rule):
            raise PermissionDenied
        day = begins(version)
        try:
            operations.take_back_version(version=version, at=clock.now())
        except LoyaltyError as error:
            messages.error(request, str(error), fail_silently=True)
        else:
            text = pgettext("loyalty", "What was planned from %(day)s on is taken back.") % {"day": day}
            self.log_change(request, version.rule, text)
            messages.success(request, text, fail_silently=True)
        return HttpResponseRedirect(reverse("admin:loyalty_earning_rule_change", args=[rule_id]))

    # Switching ----------------------------------------------------------------------------------------------------

    @admin.action(description=pgettext_lazy("loyalty", "Switch off"), permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self.switch(request, queryset, is_on=False)

    @admin.action(description=pgettext_lazy("loyalty", "Switch on"), permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[Rule]) -> None:
        self.switch(request, queryset, is_on=True)

    def switch(self, request: HttpRequest, rules: Iterable[Rule], *, is_on: bool) -> None:
        for rule in rules:
            try:
                operations.switch_rule(rule=rule, is_on=is_on, actor=actors.staff(request.user), at=clock.now())
            except LoyaltyError as error:
                messages.error(request, f"{rule}: {error}", fail_silently=True)


@set_uses.register("rules")
def sets_of_rules(*, product_set: ProductSet) -> Iterator[str]:
    """Name the rules that ever named it: orders were counted by what they said."""
    for version in RuleVersion.objects.select_related("rule"):
        named = [code for row in version.conditions for code in row.get("params", {}).get("sets", ())]
        if product_set.code in named:
            yield version.rule.name


@segment_uses.register("rules")
def lists_of_rules(*, segment: Segment) -> Iterator[str]:
    """Name the rules that ever named a segment: orders keep what held on their day."""
    rules = {
        version.rule.pk: version.rule
        for version in RuleVersion.objects.filter(rule__program=segment.program_id).select_related("rule")
        for row in version.conditions
        if row["code"] == "segment" and row.get("params", {}).get("segment") == segment.pk
    }
    text = pgettext("loyalty", "The rule “{rule}” names this group, and orders keep what held on their day.")
    for rule in rules.values():
        yield format_html(text, rule=format_html('<a href="{}">{}</a>', page_of(rule), rule.name))


@program_warnings.register("rules", order=30)
def no_rule(*, program: Program, at: datetime) -> Iterator[str]:
    """Say that nothing earns, or that a rule no longer works."""
    unit = program.unit_or_none
    if unit is None:
        return
    book = rule_book(unit_ids=[unit.pk])
    for rule, wrong in book.broken_at(moment=at).items():
        text = pgettext("loyalty", "The rule “%(rule)s” no longer works: %(error)s. Switch it off or mend it.")
        yield text % {"rule": rule, "error": wrong}
        return
    if not not_over(rules=book.at(unit_id=unit.pk, moment=at), unit=unit, at=at):
        yield pgettext("loyalty", "No rule is in force, so no order brings anything. Add one under “earning rules”.")


@state_change_notes.register("rules", order=30)
def rules_in_force(*, program: Program, to: str, at: datetime) -> Iterator[str]:
    """Say how many rules are in force, and which."""
    unit = program.unit_or_none
    if unit is None or to not in (State.LIVE, State.PAUSED):
        return
    try:
        stored = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)
        rules = not_over(rules=stored, unit=unit, at=at)
    except LoyaltyError:
        return  # The warning beside it says so.
    text = npgettext("loyalty", "%(count)s rule is in force: ", "%(count)s rules are in force: ", len(rules))
    names = ", ".join(rule.name for rule in rules) or pgettext("loyalty", "none")
    yield text % {"count": money.number(len(rules))} + names + "."
