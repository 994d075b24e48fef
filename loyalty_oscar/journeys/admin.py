"""Campaigns in the admin: what brings how many points, and who had them; and the goals that orders reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import actors, clock, contributions, money, words
from loyalty_oscar.program.admin import STYLES, BehindFront, DeletesUnused, ReadOnly, TellsMore, too_many
from loyalty_oscar.program.csv_files import as_csv
from loyalty_oscar.program.db import write_db
from loyalty_oscar.program.finding import FindsMembers
from loyalty_oscar.program.forms import reward_fields
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.hooks import reward_uses, set_uses
from loyalty_oscar.program.in_force import InForce, InForceFilter, TellsInForce, in_force_at
from loyalty_oscar.program.models import ProductSet, Program, Reward, State, Unit
from loyalty_oscar.program.references import linked, referents, row_of
from loyalty_oscar.program.zones import InProgramZone

from . import operations
from .calendar_page import calendar_of
from .forms.campaigns import campaign_form
from .forms.goals import GoalForm, LaterGoalForm
from .forms.params import FIELDS, letter_params, params_of
from .forms.ready import ReadyForm
from .forms.texts import CampaignTextForm, CampaignTexts, placeholders
from .models import Campaign, CampaignText, Goal, GoalStanding, Occurrence
from .occasion_names import HELP, NAMES, occasion_name
from .occasions import WORD, occasions
from .ready import READY, add_ready
from .results import used_lines, used_of
from .sentences import campaign_sentences, goal_sentence


def reads(campaign: Campaign) -> str:
    """Return a saved campaign as sentences, or nothing where the program has no points yet."""
    unit = campaign.program.unit_or_none
    texts = sorted(campaign.texts.all(), key=lambda text: text.pk)
    return " ".join(campaign_sentences(campaign=campaign, unit=unit, texts=texts)) if unit else ""


def in_column(*, campaign: Campaign, points: int | None) -> Any:
    """Return points of a campaign as a list shows them: the number, which of a unit that is money is an amount."""
    unit = campaign.program.unit_or_none
    if points is None or unit is None:
        return points
    return words.short(unit=unit, points=points)


referents.register("campaign")(row_of(Campaign))
referents.register("goal")(row_of(Goal))


@contributions.register("admin:program", "letters", order=30)
def letters_to_read(*, subject: Program, request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    """Return the letters of a draft, each with the page on which it is read and switched on; nothing without any."""
    user, is_draft = request.user, subject.state == State.DRAFT
    if not is_draft or not any(user.has_perm(f"loyalty_journeys.{name}_campaign") for name in ("view", "change")):
        return None
    rows = Campaign.objects.filter(program=subject).order_by("-is_on", "name")
    found = [(row, reverse("admin:loyalty_journeys_campaign_change", args=[row.pk])) for row in rows]
    return ("loyalty/admin/letters_to_read.html", {"letters": found}) if found else None


@reward_uses.register("campaigns")
def campaigns_with(*, reward: Reward) -> Iterable[str]:
    """Name the campaigns that give a reward."""
    return Campaign.objects.filter(reward=reward).values_list("name", flat=True)


@set_uses.register("campaigns")
def sets_of_campaigns(*, product_set: ProductSet) -> Iterable[str]:
    """Name the campaigns that ask for goods of a product set."""
    asking = Campaign.objects.filter(params__has_key="sets").order_by("pk")
    return [campaign.name for campaign in asking if product_set.code in campaign.params["sets"]]


class TextInline(admin.StackedInline):
    """What a campaign says: whoever may change the campaign may change it."""

    model = CampaignText
    form = CampaignTextForm
    formset = CampaignTexts
    template = "loyalty/admin/texts.html"
    extra = 0
    verbose_name = pgettext_lazy("loyalty", "language")
    verbose_name_plural = pgettext_lazy("loyalty", "What it says")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        may = self.has_change_permission(request, obj)
        return ("language", "subject", "is_meant", "body") if may else ("language", "subject", "body")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True  # Its page is open to those who may look alone.

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(f"loyalty_journeys.{'change' if obj else 'add'}_campaign")

    has_add_permission = has_delete_permission = has_change_permission


@admin.register(Campaign)
class CampaignAdmin(BehindFront, TellsInForce, TellsMore, TellsChanges, DeletesUnused, InProgramZone, admin.ModelAdmin):
    """What comes to members besides what orders earn; switched off, and deleted only as long as nobody came into it."""

    change_form_template = "loyalty/admin/campaign.html"
    change_list_template = "loyalty/admin/campaigns.html"
    inlines = (TextInline,)
    list_display = ("name", "for_what", "gives", "came", "so_far", "at_most", "state", "program")
    list_select_related = ("program__unit", "reward")
    list_filter = ("program", InForceFilter)
    search_fields = ("name", "code", "word")

    class Media:
        css = STYLES

    def is_used(self, obj: Campaign) -> bool:
        return obj.occurrences.exists()

    def in_force(self, obj: Campaign, at: datetime) -> InForce:
        dates = {"starts_at": obj.starts_at, "ends_at": obj.ends_at}
        return in_force_at(at=at, is_on=obj.is_on, is_spent=not obj.has_left, **dates)

    @admin.display(description=pgettext_lazy("loyalty", "for what"), ordering="occasion")
    def for_what(self, campaign: Campaign) -> str:
        return occasion_name(campaign.occasion)

    @admin.display(description=pgettext_lazy("loyalty", "how much"), ordering="points")
    def gives(self, campaign: Campaign) -> Any:
        if campaign.reward is not None:
            return campaign.reward.name
        if not campaign.points:
            return pgettext("loyalty", "a letter")
        return in_column(campaign=campaign, points=campaign.points)

    @admin.display(description=pgettext_lazy("loyalty", "how often it came"), ordering="given")
    def came(self, campaign: Campaign) -> str:
        return money.number(campaign.given)

    @admin.display(description=pgettext_lazy("loyalty", "given"), ordering="spent")
    def so_far(self, campaign: Campaign) -> Any:
        return in_column(campaign=campaign, points=campaign.spent if campaign.points or campaign.spent else None)

    @admin.display(description=pgettext_lazy("loyalty", "at most so much in all"), ordering="budget")
    def at_most(self, campaign: Campaign) -> Any:
        return in_column(campaign=campaign, points=campaign.budget)

    # Those who may only look read these in place of what is typed.

    @admin.display(description=pgettext_lazy("loyalty", "when and for whom"))
    def reads(self, campaign: Campaign) -> str:
        return reads(campaign)

    # The form ---------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Campaign | None = None) -> tuple[str, ...]:
        return ("program", "for_what", "code", "reads") if obj else ()

    def get_form(self, request: HttpRequest, obj: Campaign | None = None, change: bool = False, **kwargs: Any) -> Any:
        occasion = obj.occasion if obj else request.GET.get("type", "")
        return super().get_form(request, obj, change, **{**kwargs, "form": campaign_form(occasion=occasion)})

    def get_fieldsets(self, request: HttpRequest, obj: Campaign | None = None) -> Any:
        occasion = obj.occasion if obj else request.GET.get("type", "")
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        gift = ("points", *reward_fields("reward"))
        if not may:
            return [(None, {"fields": ("program", "name", "code", "for_what", "reads", *gift, "is_on")})]
        own = params_of(occasion=occasion)
        word = ("word",) if occasion == WORD else ()
        what = ("for_what",) if obj else ()
        whom = ("rank", "segment", "least_orders", "confirmed_only", "is_public")
        limits = ("starts_at", "ends_at", "budget", "most", "rest_days")
        more = letter_params(occasion=occasion)
        return [
            (None, {"fields": ("program", "name", "code", "is_on")}),
            (pgettext("loyalty", "When"), {"fields": (*what, *word, *own, "delay_days")}),
            (pgettext("loyalty", "For whom"), {"fields": whom}),
            (pgettext("loyalty", "What it gives"), {"fields": (*gift, "is_meant")}),
            *([(pgettext("loyalty", "What its letter shows"), {"fields": more})] if more else []),
            (pgettext("loyalty", "Limits"), {"fields": limits}),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the occasion first; the fields follow from it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("type") in occasions:
            told = {"title": occasion_name(request.GET["type"]), "placeholders": placeholders()}
            return super().add_view(request, form_url, {**(extra_context or {}), **told})
        known = [code for code in NAMES if code in occasions]
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "What is it for?"),
            "opts": self.opts,
            "media": self.media,
            "types": [
                (code, occasion_name(code), HELP.get(code, ""))
                for code in (*known, *(code for code in occasions if code not in NAMES))
            ],
            "units": Unit.objects.exists(),
        }
        return TemplateResponse(request, "loyalty/admin/kinds.html", context)

    def save_model(self, request: HttpRequest, obj: Campaign, form: Any, change: bool) -> None:
        if change:  # What was given meanwhile is counted by the operations alone.
            typed = (name for name in form.changed_data if name != "is_meant")
            obj.save(update_fields={"params" if name in FIELDS else name for name in typed})
        else:
            super().save_model(request, obj, form, change)

    def told(self, request: HttpRequest, obj: Campaign) -> dict[str, Any]:
        return {
            "sentence": reads(obj),
            "panels": contributions.render("admin:campaign", subject=obj, request=request),
            "placeholders": placeholders(),
        }

    # Ready ones -------------------------------------------------------------------------------------------------

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        told = {"calendar_url": reverse("admin:loyalty_journeys_calendar")}
        if self.has_add_permission(request):
            told["ready_url"] = reverse("admin:loyalty_journeys_ready")
        return super().changelist_view(request, {**(extra_context or {}), **told})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("ready/", view(self.ready_view), name="loyalty_journeys_ready"),
            path("calendar/", view(self.calendar_view), name="loyalty_journeys_calendar"),
            path("<int:pk>/used/", view(self.used_view), name="loyalty_journeys_used"),
            *super().get_urls(),
        ]

    def calendar_view(self, request: HttpRequest) -> HttpResponse:
        """Show on which days of a month campaigns speak, and to how many."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        programs = list(Program.objects.order_by("-is_default", "name"))
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "Calendar of campaigns"),
            "opts": self.opts,
            "media": self.media,
            **(calendar_of(data=request.GET, programs=programs, at=clock.now()) if programs else {}),
        }
        return TemplateResponse(request, "loyalty/admin/calendar.html", context)

    def used_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """Return what members used of what a campaign brought, as a file."""
        campaign = get_object_or_404(self.get_queryset(request).select_related(*self.list_select_related), pk=pk)
        if not self.has_view_permission(request, campaign):
            raise PermissionDenied
        lines = used_lines(campaign=campaign, used=used_of(campaign=campaign))
        return as_csv(rows=lines, name=f"{campaign.code}-used")

    def ready_view(self, request: HttpRequest) -> HttpResponse:
        """Add the ready campaigns that are missing, switched off; says before which there are."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        units = list(Unit.objects.select_related("program").order_by("program__name"))
        form = ReadyForm(request.POST if request.method == "POST" else None, units=units)
        if request.method == "POST" and form.is_valid():
            made = add_ready(unit=form.unit, at=clock.now())
            for campaign in made:
                self.log_addition(request, campaign, [{"added": {}}])
            text = npgettext(
                "loyalty",
                "%(count)s campaign was added, switched off.",
                "%(count)s campaigns were added, switched off.",
                len(made),
            )
            messages.success(request, text % {"count": money.number(len(made))}, fail_silently=True)
            return HttpResponseRedirect(reverse("admin:loyalty_journeys_campaign_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "Add the ready campaigns"),
            "opts": self.opts,
            "media": self.media,
            "form": form,
            "ready": [(one.name, occasion_name(one.occasion), one.about) for one in READY],
            "units": units,
            "cancel": reverse("admin:loyalty_journeys_campaign_changelist"),
        }
        return TemplateResponse(request, "loyalty/admin/ready_campaigns.html", context)


@admin.register(Occurrence)
class OccurrenceAdmin(BehindFront, FindsMembers, ReadOnly, InProgramZone, admin.ModelAdmin):
    """Who got points for what, newest first."""

    list_display = ("member", "says", "gave", "state", "at", "who")
    fields = ("member", "campaign", "says", "gave", "state", "at", "who", "reference")
    readonly_fields = ("says", "gave", "who", "reference")
    actions = ("take_back",)
    list_filter = ("campaign", "state")
    list_select_related = ("member__user", "campaign__program__unit", "campaign__reward")
    ordering = ("-pk",)
    show_full_result_count = False

    class Media:
        css = STYLES

    @admin.display(description=pgettext_lazy("loyalty", "why"))
    def says(self, occurrence: Occurrence) -> str:
        return words.why(occurrence.because)

    @admin.display(description=pgettext_lazy("loyalty", "how much"), ordering="points")
    def gave(self, occurrence: Occurrence) -> Any:
        if not occurrence.points and occurrence.campaign.reward is not None:
            return occurrence.campaign.reward.name
        return in_column(campaign=occurrence.campaign, points=occurrence.points)

    @admin.display(description=pgettext_lazy("loyalty", "reference"))
    def reference(self, occurrence: Occurrence) -> str:
        return linked(reference=occurrence.source)

    @admin.display(description=pgettext_lazy("loyalty", "taken back by"))
    def who(self, occurrence: Occurrence) -> str:
        return actors.name(occurrence.barred_by) if occurrence.barred_by else ""

    def has_take_back_permission(self, request: HttpRequest) -> bool:
        """Return whether somebody may take points back: who may change campaigns."""
        return request.user.has_perm("loyalty_journeys.change_campaign")

    @admin.action(description=pgettext_lazy("loyalty", "Take these back, for good"), permissions=["take_back"])
    def take_back(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        if "confirmed" not in request.POST:
            return self.ask(request, queryset)
        who, at = actors.staff(request.user), clock.now()
        taken: dict[Unit | None, int] = {}
        rewards = []
        for row in queryset.order_by("pk"):
            points = operations.take_back(occurrence=row, actor=who, at=at)
            if is_reward(row):
                rewards.append(row.pk)
                continue
            unit = row.campaign.program.unit_or_none
            taken[unit] = taken.get(unit, 0) + points
        for unit, points in taken.items():
            messages.success(request, _taken(unit, points), fail_silently=True)
        if rewards:
            gone = Occurrence.objects.using(write_db()).filter(
                pk__in=rewards, state=Occurrence.State.BACK, is_kept=False
            )
            messages.success(request, _taken_rewards(gone.count()), fail_silently=True)
        return None

    def ask(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        """Say how much is taken from how many, before it is; nothing where that are too many to ask about."""
        rows = list(queryset.exclude(state=Occurrence.State.BACK))
        if too_many(request, len(rows)):
            return None
        rewards = [row for row in rows if is_reward(row)]
        by_unit: dict[Unit | None, list[Occurrence]] = {}
        for row in rows:
            if not is_reward(row):
                by_unit.setdefault(row.campaign.program.unit_or_none, []).append(row)
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "Take these back, for good"),
            "opts": self.opts,
            "media": self.media,
            "action": "take_back",
            "chosen": [row.pk for row in rows],
            "sentences": [
                *(_up_to(unit, some) for unit, some in by_unit.items() if unit),
                *([_up_to_rewards(len(rewards))] if rewards else []),
                pgettext("loyalty", "What of them is used already has to be made up. There is no way back."),
            ],
            "cancel": reverse("admin:loyalty_journeys_occurrence_changelist"),
        }
        return TemplateResponse(request, "loyalty/admin/confirm.html", context)


def is_reward(occurrence: Occurrence) -> bool:
    """Return whether what a member had of a campaign is a reward."""
    return not occurrence.points and occurrence.campaign.reward_id is not None


def _up_to(unit: Unit, rows: list[Occurrence]) -> str:
    people = len({row.member_id for row in rows})
    text = npgettext(
        "loyalty", "Up to %(points)s of %(count)s member.", "Up to %(points)s of %(count)s members.", people
    )
    told = words.points(unit=unit, points=sum(row.points for row in rows))
    return text % {"points": told, "count": money.number(people)}


def _up_to_rewards(count: int) -> str:
    text = npgettext("loyalty", "Up to %(count)s reward.", "Up to %(count)s rewards.", count)
    return text % {"count": money.number(count)}


def _taken_rewards(count: int) -> str:
    text = npgettext("loyalty", "Taken back: %(count)s reward.", "Taken back: %(count)s rewards.", count)
    return text % {"count": money.number(count)}


def _taken(unit: Unit | None, points: int) -> str:
    amount = words.points(unit=unit, points=points) if unit else money.number(points)
    return pgettext("loyalty", "Taken back: %(amount)s.") % {"amount": amount}


@reward_uses.register("goals")
def goals_with(*, reward: Reward) -> Iterable[str]:
    """Name the goals that give a reward."""
    return Goal.objects.filter(reward=reward).values_list("name", flat=True)


@set_uses.register("goals")
def goals_in(*, product_set: ProductSet) -> Iterable[str]:
    """Name the goals that count in a product set."""
    return [goal.name for goal in Goal.objects.order_by("pk") if product_set.code in goal.set_codes]


@admin.register(Goal)
class GoalAdmin(BehindFront, TellsInForce, TellsMore, TellsChanges, DeletesUnused, InProgramZone, admin.ModelAdmin):
    """What members reach by their orders; once an order counts it is followed, or switched off."""

    change_form_template = "loyalty/admin/goal.html"
    list_display = ("name", "says", "state", "program")
    list_select_related = ("program__unit", "reward", "segment")
    list_filter = ("program", InForceFilter)
    search_fields = ("name", "code")

    class Media:
        css = STYLES

    def is_used(self, obj: Goal) -> bool:
        return obj.steps.exists()

    @admin.display(description=pgettext_lazy("loyalty", "the goal"))
    def says(self, goal: Goal) -> str:
        unit = goal.program.unit_or_none
        names = dict(ProductSet.objects.filter(code__in=goal.set_codes).values_list("code", "name"))
        called = [names.get(code, code) for code in goal.set_codes]
        return goal_sentence(goal=goal, names=called, unit=unit) if unit else ""

    def stands_still(self, request: HttpRequest, obj: Goal | None) -> bool:
        """Return whether orders count for it, and did when the page was opened."""
        return obj is not None and self.is_used(obj) and "takes" not in request.POST

    def get_form(self, request: HttpRequest, obj: Goal | None = None, change: bool = False, **kwargs: Any) -> Any:
        only_looks = obj is not None and not self.has_change_permission(request, obj)
        form = LaterGoalForm if only_looks or self.stands_still(request, obj) else GoalForm
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def get_readonly_fields(self, request: HttpRequest, obj: Goal | None = None) -> tuple[str, ...]:
        return ("program", "code") if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Goal | None = None) -> Any:
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        if self.stands_still(request, obj) or not may:
            text = pgettext(
                "loyalty", "Orders count for it, so it stays what it is. To change that, add another, and end this one."
            )
            told = {"description": text} if may else {}
            return [(None, {"fields": ("program", "name", "code", "ends_at", "is_on"), **told})]
        gift = ("points", "is_meant", *(("reward",) if Reward.objects.exists() else ()))
        return [
            (None, {"fields": ("program", "name", "code", "is_on")}),
            (
                pgettext("loyalty", "What members reach"),
                {"fields": ("metric", "takes", "sets", "window_days", "repeats")},
            ),
            (pgettext("loyalty", "What they get"), {"fields": gift}),
            (pgettext("loyalty", "For whom"), {"fields": ("rank", "segment")}),
            (pgettext("loyalty", "When"), {"fields": ("starts_at", "ends_at")}),
        ]

    def told(self, request: HttpRequest, obj: Goal) -> dict[str, Any]:
        return {"sentence": self.says(obj), "reached": reached_so_far(goal=obj)}


def reached_so_far(*, goal: Goal) -> str:
    """Return how often a goal was reached, and by how many, or nothing."""
    rows = GoalStanding.objects.filter(goal=goal, reached__gt=0)
    found = rows.aggregate(times=Sum("reached"), members=Count("pk"))
    if not found["times"]:
        return ""
    text = pgettext("loyalty", "Times reached so far: %(times)s. Members who did: %(members)s.")
    return text % {name: money.number(count) for name, count in found.items()}
