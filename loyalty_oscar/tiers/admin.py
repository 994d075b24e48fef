"""Levels in the admin: a ladder with all its levels on one page, member prices, and levels given by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.program import actors, clock, contributions, words
from loyalty_oscar.program.admin import STYLES, BehindFront, DeletesUnused, OnePerProgram, TellsMore, has_begun
from loyalty_oscar.program.forms import is_key, reward_fields
from loyalty_oscar.program.history import TellsChanges, note
from loyalty_oscar.program.hooks import program_warnings, reward_uses, set_uses
from loyalty_oscar.program.in_force import InForceFilter, TellsInForce
from loyalty_oscar.program.languages import languages
from loyalty_oscar.program.models import Member, ProductSet, Program, Reward
from loyalty_oscar.program.numbers import NumbersInWords
from loyalty_oscar.program.queries import are_one
from loyalty_oscar.program.references import named, page_of, referents
from loyalty_oscar.program.zones import InProgramZone, picked

from .forms import GiveForm, LadderForm, MemberPriceForm, TierFormSet, name_field, tier_form
from .models import GivenTier, Ladder, MemberPrice, Score, Standing, Tier
from .operations import give_tier, keep_all, set_out, take_given
from .preview import preview
from .queries import at_least_base, ladder_of, rules_of, tier_name
from .sentences import faults, metric_choices, sentence, would_stand
from .signals import ladder_saved

GIVE = "loyalty_tiers.give_tier"


def _takes_more(takes: int | None, before: int | None) -> bool:
    """Return whether a level takes more than before; one that is only given (None) takes more than any number."""
    return before is not None and (takes is None or takes > before)


def reads(ladder: Ladder) -> str:
    """Return a saved ladder as sentences."""
    return sentence(ladder=ladder, unit=ladder.program.unit_or_none)


class TierInline(NumbersInWords, admin.StackedInline):
    model = Tier
    formset = TierFormSet
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        return super().get_formset(request, obj, **{**kwargs, "form": tier_form()})

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        if not self.has_change_permission(request, obj):
            return (
                ("rank", "name", "code"),
                ("threshold", "percent", "points", *reward_fields("reward")),
                ("color", "picture"),
                "text",
                "names",
            )
        others = tuple(name_field(language) for language in languages())
        return (
            ("rank", "name", "code"),
            ("takes", "percent", "points", *reward_fields("reward")),
            "is_meant",
            ("color", "picture"),
            "text",
            others,
        )


@admin.register(Ladder)
class LadderAdmin(BehindFront, OnePerProgram, TellsMore, TellsChanges, DeletesUnused, admin.ModelAdmin):
    """The levels of a program; switched off, never deleted."""

    change_form_template = "loyalty/admin/ladder.html"
    form = LadderForm
    list_display = ("program", "is_on", "says")
    list_select_related = ("program",)
    inlines = (TierInline,)

    class Media:
        css = STYLES

    def is_used(self, obj: Ladder) -> bool:
        return has_begun(obj.program)

    @admin.display(description=pgettext_lazy("loyalty", "the levels"))
    def says(self, ladder: Ladder) -> str:
        return reads(ladder)

    def get_readonly_fields(self, request: HttpRequest, obj: Ladder | None = None) -> tuple[str, ...]:
        """What counts stays once orders have counted: numbers of two kinds do not add up."""
        if obj is None:
            return ()
        return ("program", "metric", "what_counts") if self.has_counted(obj) else ("program",)

    def get_fields(self, request: HttpRequest, obj: Ladder | None = None) -> tuple[str, ...]:
        known = obj is not None and (self.has_counted(obj) or not self.has_change_permission(request, obj))
        return (
            "program",
            "is_on",
            "what_counts" if known else "metric",
            "window",
            "grace_days",
            "gifts_past",
            "is_meant",
        )

    def has_counted(self, ladder: Ladder) -> bool:
        """Return whether orders have counted for a ladder."""
        return Score.objects.filter(member__program_id=ladder.program_id).exists()

    @admin.display(description=pgettext_lazy("loyalty", "What counts"))
    def what_counts(self, ladder: Ladder) -> str:
        return str(dict(metric_choices()).get(ladder.metric, ladder.metric))

    def told(self, request: HttpRequest, obj: Ladder) -> dict[str, Any]:
        return {"sentence": reads(obj)}

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Say how many would stand where, when that was asked for and everything typed is sound."""
        ladder = context["adminform"].form.instance
        if "_preview" in request.POST and context["adminform"].form.is_valid():
            levels = context["inline_admin_formsets"][0].formset.typed()
            if levels:
                law = rules_of(ladder=ladder, tiers=levels)
                found = preview(program=ladder.program, metric=ladder.metric, law=law, at=clock.now())
                context["preview"] = would_stand(found=found, names=[tier_name(tier=tier) for tier in levels])
        return super().render_change_form(request, context, *args, **kwargs)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        ladder = form.instance
        before = dict(ladder.tiers.values_list("rank", "threshold"))
        super().save_related(request, form, formsets, change)
        after = dict(ladder.tiers.values_list("rank", "threshold"))
        if ladder.is_on and (before != after or {"is_on", "window", "metric"}.intersection(form.changed_data)):
            set_out(ladder=ladder, at=clock.now())
        steeper = {rank for rank, takes in before.items() if rank not in after or _takes_more(after[rank], takes)}
        kept = before.keys() if "window" in form.changed_data else steeper
        if change and keep_all(ladder=ladder, ranks=kept):
            text = pgettext("loyalty", "Members keep the levels they have to their dates.")
            messages.info(request, text, fail_silently=True)
        if change and before.get(1) == 0 and after.get(1) != 0:
            text = pgettext(
                "loyalty", "Level 1 is no longer for every member: who has not reached it has no level now."
            )
            messages.warning(request, text, fail_silently=True)
        if form.has_changed() or any(formset.has_changed() for formset in formsets):
            ladder_saved.send(sender=Ladder, ladder=ladder, is_back=change and "is_on" in form.changed_data)

    # By hand -----------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("give/<int:member_id>/", view(self.give_view), name="loyalty_tiers_give"),
            path("take/<int:given_id>/", view(self.take_view), name="loyalty_tiers_take"),
            *super().get_urls(),
        ]

    def give_view(self, request: HttpRequest, member_id: int) -> HttpResponse:
        """Give a member a level, with a reason and a last day."""
        member = Member.objects.filter(pk=member_id).select_related("program", "user").first()
        ladder = ladder_of(program_id=member.program_id) if member else None
        if member is None or ladder is None:
            raise Http404
        if not may_give(request.user, member):
            raise PermissionDenied
        at = clock.now()
        form = GiveForm(request.POST if request.method == "POST" else None, ladder=ladder, at=at)
        if request.method == "POST" and form.is_valid():
            give_tier(
                ladder=ladder,
                member_id=member.pk,
                tier=form.cleaned_data["tier"],
                until=form.until,
                reason=form.cleaned_data["reason"],
                actor=actors.staff(request.user),
                at=at,
            )
            named = {"tier": form.cleaned_data["tier"].name}
            note(
                staff=request.user,
                member=member,
                text=pgettext("loyalty", "Given by hand: the level %(tier)s") % named,
            )
            text = pgettext("loyalty", "%(member)s has the level %(tier)s.")
            said = text % {"member": member, "tier": form.cleaned_data["tier"].name}
            messages.success(request, said, fail_silently=True)
            return HttpResponseRedirect(member_page(member.pk))
        title = pgettext("loyalty", "Give a level")
        context = {"title": title, "form": form, "original": None, "cancel": member_page(member.pk), "member": member}
        return TemplateResponse(request, "loyalty/admin/give_tier.html", {**self.page(request), **context})

    def take_view(self, request: HttpRequest, given_id: int) -> HttpResponse:
        """Take back a level that was given; asks first."""
        gift = GivenTier.objects.filter(pk=given_id).select_related("tier__ladder__program", "member__user").first()
        ladder = ladder_of(program_id=gift.member.program_id) if gift else None
        if gift is None or ladder is None:
            raise Http404
        if not may_give(request.user, gift.member):
            raise PermissionDenied
        if request.method == "POST":
            take_given(ladder=ladder, gift=gift, at=clock.now())
            text = pgettext("loyalty", "Taken back by hand: the level %(tier)s") % {"tier": tier_name(tier=gift.tier)}
            note(staff=request.user, member=gift.member, text=text)
            text = pgettext("loyalty", "The level is taken back.")
            messages.success(request, text, fail_silently=True)
            return HttpResponseRedirect(member_page(gift.member_id))
        title = pgettext("loyalty", "Take back the level %(tier)s") % {"tier": tier_name(tier=gift.tier)}
        context = {"title": title, "gift": gift, "original": None, "cancel": member_page(gift.member_id)}
        return TemplateResponse(request, "loyalty/admin/take_tier.html", {**self.page(request), **context})

    def page(self, request: HttpRequest) -> dict[str, Any]:
        """Return what every page of ours in the admin needs."""
        return {**self.admin_site.each_context(request), "opts": self.opts, "media": self.media}


def member_page(member_id: int) -> str:
    """Return the address of a member's page."""
    return reverse("admin:loyalty_program_member_change", args=[member_id])


def may_give(user: Any, member: Member) -> bool:
    """Return whether somebody may give this member a level: with the permission, and never oneself."""
    if not user.has_perm(GIVE) or member.merged_into_id is not None:
        return False
    of = member.user_id
    return of is None or not are_one(user_id=user.pk, other_id=of, program_id=member.program_id)


@admin.register(MemberPrice)
class MemberPriceAdmin(BehindFront, TellsInForce, TellsChanges, InProgramZone, admin.ModelAdmin):
    """Lower prices for members of a level or a higher one."""

    list_display = ("tier", "product_set", "percent", "starts_at", "ends_at", "state")
    list_select_related = ("tier__ladder__program", "product_set")
    list_filter = (InForceFilter, "tier__ladder__program")
    form = MemberPriceForm
    fields = ("tier", "product_set", "percent", "is_meant", ("starts_at", "ends_at"), "is_on")

    class Media:
        css = STYLES

    def program_of(self, obj: MemberPrice) -> Program | None:
        return obj.tier.ladder.program

    def chosen(self, request: HttpRequest) -> Program | None:
        tier = picked(Tier.objects.select_related("ladder__program"), "tier", request)
        return tier.ladder.program if tier else None


@referents.register("tier")
def level_of(*, key: str) -> tuple[str, str] | None:
    """Return a level and the page of all levels."""
    tier = Tier.objects.select_related("ladder").filter(pk=key).first() if is_key(key) else None
    return (named(tier), page_of(tier.ladder)) if tier else None


@referents.register("standing")
def level_of_standing(*, key: str) -> tuple[str, str] | None:
    """Return the level of a standing and the page of all levels."""
    standing = Standing.objects.filter(pk=key).first() if is_key(key) else None
    return level_of(key=str(standing.tier_id)) if standing else None


@contributions.register("admin:program", "tiers", order=10)
def ladder_of_program(*, subject: Program, request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    """Return the levels of a program as sentences, with the way to change them."""
    user, ladder = request.user, Ladder.objects.filter(program=subject).first()
    if not (user.has_perm("loyalty_tiers.view_ladder") or user.has_perm("loyalty_tiers.change_ladder")):
        return None
    if ladder:
        url = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
    else:
        may = user.has_perm("loyalty_tiers.add_ladder")
        url = f"{reverse('admin:loyalty_tiers_ladder_add')}?program={subject.pk}" if may else ""
    return "loyalty/admin/tiers.html", {"ladder": ladder, "sentence": reads(ladder) if ladder else "", "url": url}


@contributions.register("admin:member", "tiers", order=40)
def levels_of_member(*, subject: Member, request: HttpRequest) -> tuple[str, Mapping[str, Any]] | None:
    """Return where a member stands and stood, and the levels that staff gave."""
    ladder = ladder_of(program_id=subject.program_id)
    standings = list(subject.standings.select_related("tier").order_by("-starts_at", "-pk"))
    if ladder is None and not standings:
        return None
    if ladder:
        standings = with_base(ladder=ladder, member=subject, standings=standings)
    zone, at = subject.program.time_zone, clock.now()
    may = ladder is not None and may_give(request.user, subject)
    given = subject.given_tiers.select_related("tier").order_by("-pk")
    return "loyalty/admin/member_tiers.html", {
        "rows": [_row(standing, zone) for standing in standings],
        "given": [_gift(gift, zone, at, may) for gift in given],
        "give_url": reverse("admin:loyalty_tiers_give", args=[subject.pk]) if may else "",
    }


def with_base(*, ladder: Ladder, member: Member, standings: list[Standing]) -> list[Standing]:
    """Return standings, the newest first, with that on everybody's level before them where it is where one stands."""
    current = next((row for row in standings if row.is_current), None)
    stands = at_least_base(ladder=ladder, standing=current)
    if stands is None or stands is current:
        return standings
    stands.starts_at = current.starts_at if current else member.joined_at
    if current:
        current.is_current = None
    return [stands, *standings]


def _row(standing: Standing, zone: str) -> dict[str, Any]:
    return {
        "standing": standing,
        "level": tier_name(tier=standing.tier) if standing.tier else pgettext("loyalty", "no level"),
        "since": words.day(standing.starts_at, zone=zone),
        "until": words.last_day(standing.kept_until, zone=zone) if standing.kept_until else "",
        "why": words.why(standing.because),
        "who": actors.name(standing.actor),
    }


def _gift(gift: GivenTier, zone: str, at: datetime, may: bool) -> dict[str, Any]:
    in_force = gift.until is None or gift.until > at
    return {
        "gift": gift,
        "since": words.day(gift.starts_at, zone=zone),
        "until": words.last_day(gift.until, zone=zone) if gift.until else "",
        "who": actors.name(gift.actor),
        "url": reverse("admin:loyalty_tiers_take", args=[gift.pk]) if may and in_force else "",
    }


@set_uses.register("tiers")
def sets_of_prices(*, product_set: ProductSet) -> Iterator[str]:
    """Name the member prices of its products."""
    yield from (str(price) for price in MemberPrice.objects.filter(product_set=product_set))


@reward_uses.register("tiers")
def levels_with(*, reward: Reward) -> Iterator[str]:
    """Name the levels whose gift a reward is."""
    for tier in Tier.objects.filter(reward=reward):
        yield pgettext("loyalty", "the level %(level)s") % {"level": tier_name(tier=tier)}


@program_warnings.register("tiers", order=50)
def warnings(*, program: Program, at: datetime) -> Iterator[str]:
    """Say what is wrong with the levels of a program."""
    ladder = Ladder.objects.filter(program=program, is_on=True).first()
    if ladder is None:
        return
    levels = list(ladder.tiers.values_list("rank", "threshold", "name"))
    if not levels:
        yield pgettext("loyalty", "There are no levels yet, so nobody climbs.")
    for rank, text in faults(levels=levels):
        yield pgettext("loyalty", "Level %(rank)d: %(text)s") % {"rank": rank, "text": text}
