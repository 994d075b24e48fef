"""Rewards in the admin: what can be had for points, read back in words, with how many are taken and what they cost."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import npgettext, pgettext, pgettext_lazy

from loyalty_oscar.program import money, words
from loyalty_oscar.program.admin import STYLES, BehindFront, DeletesUnused, TellsMore
from loyalty_oscar.program.history import TellsChanges
from loyalty_oscar.program.in_force import InForce, InForceFilter, TellsInForce, in_force_at
from loyalty_oscar.program.models import Reward, Unit
from loyalty_oscar.program.registries import reward_kinds
from loyalty_oscar.program.zones import InProgramZone

from .. import operations
from ..claims import is_promised, promised_by
from ..currencies import by_currency, other_currencies
from ..faults import reach, reward_warnings
from ..forms.rewards import OWN, RewardFormBase, TypedCodes, kind_name, other_fields, own_fields, own_names, reward_form
from ..kinds import CODE
from ..models import RewardCode
from ..sentences import of_level, reward_sentence, says_in
from ..stock import RewardStock, stock_of

#: So many codes that were left out are named.
NAMED = 5


class RewardsList(ChangeList):
    """A page of rewards, what members have of them counted at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.result_list = list(self.result_list)
        stocks = stock_of(rewards=self.result_list)
        for reward in self.result_list:
            reward.stock = stocks[reward.pk]


@admin.register(Reward)
class RewardAdmin(BehindFront, TellsInForce, TellsMore, TellsChanges, DeletesUnused, InProgramZone, admin.ModelAdmin):
    """What members can have; switched off, and deleted only as long as nobody had it."""

    change_form_template = "loyalty/admin/reward.html"
    list_display = ("name", "kind_name", "says", "state", "program")
    list_filter = ("program", InForceFilter)
    list_select_related = ("program__unit", "segment")
    search_fields = ("name", "code")

    class Media:
        css = STYLES

    def is_used(self, obj: Reward) -> bool:
        return is_promised(reward=obj)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RewardsList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reward]:
        free = RewardCode.objects.filter(reward=OuterRef("pk"), claim=None)
        return super().get_queryset(request).annotate(has_codes=Exists(free))

    def in_force(self, obj: Any, at: datetime) -> InForce:
        is_spent = obj.taken == obj.quota or (obj.kind == CODE and not obj.has_codes)
        return in_force_at(at=at, is_on=obj.is_on, starts_at=obj.starts_at, ends_at=obj.ends_at, is_spent=is_spent)

    @admin.display(description=pgettext_lazy("loyalty", "what it is"), ordering="kind")
    def kind_name(self, reward: Reward) -> str:
        return kind_name(kind=reward.kind)

    @admin.display(description=pgettext_lazy("loyalty", "the reward"))
    def says(self, reward: Any) -> str:
        return reward_sentence(reward=reward, stock=reward.stock)

    @admin.display(description=pgettext_lazy("loyalty", "what belongs to it"), empty_value="-")
    def holds(self, reward: Reward) -> str:
        return "; ".join(said_by_kind(reward))

    @admin.display(description=pgettext_lazy("loyalty", "costs"))
    def price_in_words(self, reward: Reward) -> str:
        unit = reward.program.unit_or_none
        return words.points(unit=unit, points=reward.price) if unit and reward.price is not None else ""

    @admin.display(description=pgettext_lazy("loyalty", "one costs you"))
    def cost_in_words(self, reward: Reward) -> str:
        return money.in_words(minor=reward.cost_minor, currency=reward.program.currency)

    @admin.display(description=pgettext_lazy("loyalty", "from level"))
    def level(self, reward: Reward) -> str:
        return of_level(reward=reward) if reward.rank else pgettext("loyalty", "every member")

    # The form ---------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Reward | None = None) -> tuple[str, ...]:
        return ("program", "code", "kind_name", "holds") if obj else ("kind_name",)

    def stands_still(self, request: HttpRequest, obj: Reward | None) -> bool:
        """Return whether what its kind asks cannot be typed: somebody has it, and had it when the page was opened."""
        return obj is not None and self.is_used(obj) and not own_names(request.POST)

    def get_form(self, request: HttpRequest, obj: Reward | None = None, change: bool = False, **kwargs: Any) -> Any:
        kind = obj.kind if obj else request.GET.get("type", "")
        form = reward_form(kind=kind, is_had=self.stands_still(request, obj), currencies=other_currencies(reward=obj))
        return super().get_form(request, obj, change, **{**kwargs, "form": form})

    def get_fieldsets(self, request: HttpRequest, obj: Reward | None = None) -> Any:
        may = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        kind = obj.kind if obj else request.GET.get("type", "")
        is_still = self.stands_still(request, obj)
        text = pgettext(
            "loyalty",
            "Somebody has it or is promised it, so it stays what it is. To change that, add another and switch this one"
            " off.",
        )
        if is_still and obj is not None and (names := promised_by(reward=obj)):
            text += " " + pgettext("loyalty", "It is promised by: %(names)s.") % {"names": ", ".join(names)}
        own = ("holds",) if is_still or not may else tuple(own_fields(kind=kind))
        others = [] if own == ("holds",) else list(_in_other_currencies(kind, obj))
        told = {"description": text} if is_still else {}
        if others:
            told = {"description": pgettext("loyalty", "Amounts here are of the program’s currency.")}
        codes = ("codes", "codes_file") if may and kind == CODE else ()
        price = ("price", "cost", "is_meant") if may else ("price_in_words", "cost_in_words")
        return [
            (None, {"fields": ("program", "name", "code", "is_on")}),
            (pgettext("loyalty", "What it is"), {"fields": ("kind_name", *own, *codes), **told}),
            *others,
            (pgettext("loyalty", "What members see"), {"fields": ("text", "picture")}),
            (pgettext("loyalty", "What it costs"), {"fields": price}),
            (pgettext("loyalty", "For whom"), {"fields": ("rank" if may else "level", "segment")}),
            (pgettext("loyalty", "How many"), {"fields": ("quota", "per_member")}),
            (pgettext("loyalty", "When"), {"fields": ("starts_at", "ends_at", "valid_days")}),
        ]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Ask for the kind of reward first; the fields follow from it."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        if request.GET.get("type") in reward_kinds:
            return super().add_view(request, form_url, extra_context)
        context = {
            **self.admin_site.each_context(request),
            "title": pgettext("loyalty", "What can members have?"),
            "opts": self.opts,
            "media": self.media,
            "types": [(code, kind_name(kind=code), "") for code in reward_kinds],
            "units": Unit.objects.exists(),
        }
        return TemplateResponse(request, "loyalty/admin/kinds.html", context)

    def save_model(self, request: HttpRequest, obj: Reward, form: RewardFormBase, change: bool) -> None:
        if change:  # What is taken meanwhile is counted by the operations alone.
            obj.save(update_fields=list(dict.fromkeys(_columns(form.changed_data))))
        else:
            super().save_model(request, obj, form, change)
        for name in ("codes", "codes_file"):
            if typed := form.cleaned_data.get(name):
                tell_codes(request, typed, operations.add_codes(reward=obj, codes=typed.codes))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Say at once what is wrong with the reward that was saved."""
        super().save_related(request, form, formsets, change)
        reward = Reward.objects.get(pk=form.instance.pk)
        for warning in reward_warnings(reward=reward, stock=stock_of(rewards=[reward])[reward.pk]):
            messages.warning(request, warning, fail_silently=True)

    def told(self, request: HttpRequest, obj: Reward) -> dict[str, Any]:
        stock = stock_of(rewards=[obj])[obj.pk]
        may = request.user.has_perm("loyalty_redemption.view_claim")
        url = f"{reverse('admin:loyalty_redemption_claim_changelist')}?reward__id__exact={obj.pk}"
        return {
            "sentence": reward_sentence(reward=obj, stock=stock),
            "more": [text for text in (*said_by_kind(obj), reach(reward=obj)) if text],
            "bars": list(bars(obj, stock)),
            "warnings": list(reward_warnings(reward=obj, stock=stock)),
            "claims_url": url if may and stock.had else "",
        }


def said_by_kind(reward: Reward) -> list[str]:
    """Return what a reward's kind says of its parameters, in the program's currency and in each other."""
    if reward.kind not in reward_kinds:
        return []
    own, *others = by_currency(params=reward.params, own=reward.program.currency)
    said = [reward_kinds.get(reward.kind).says(params=reward.params, currency=own)]
    said += [says_in(reward=reward, currency=currency, own=own) for currency in others]
    return [text for text in said if text]


def _in_other_currencies(kind: str, reward: Reward | None) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield a section of the form for each currency of the shop beside the program's own."""
    for currency, fields in other_fields(kind=kind, currencies=other_currencies(reward=reward)).items():
        if fields:
            text = pgettext("loyalty", "All empty: with amounts above it can’t be used in this currency.")
            title = pgettext("loyalty", "In a basket of %(currency)s") % {"currency": currency}
            yield title, {"fields": tuple(fields), "description": text}


def bars(reward: Reward, stock: RewardStock) -> Iterable[dict[str, Any]]:
    """Yield how many of what there is are gone, in words and for a bar."""
    if reward.quota:
        text = pgettext("loyalty", "%(taken)s of %(all)s are taken.")
        told = {"taken": money.number(reward.taken), "all": money.number(reward.quota)}
        yield {"text": text % told, "gone": reward.taken, "most": reward.quota}
    if stock.codes:
        text = pgettext("loyalty", "%(given)s of %(all)s codes are given.")
        told = {"given": money.number(stock.given), "all": money.number(stock.codes)}
        yield {"text": text % told, "gone": stock.given, "most": stock.codes}


def tell_codes(request: HttpRequest, typed: TypedCodes, known: list[str]) -> None:
    """Say how many codes were added, and what was left out."""
    added, again = len(typed.codes) - len(known), [*known, *typed.again]
    if added:
        text = npgettext("loyalty", "%(count)s code was added.", "%(count)s codes were added.", added)
        messages.success(request, text % {"count": money.number(added)}, fail_silently=True)
    if again:
        text = npgettext(
            "loyalty",
            "%(count)s line was left out, because its code is in the list already: %(codes)s.",
            "%(count)s lines were left out, because their codes are in the list already: %(codes)s.",
            len(again),
        )
        named = ", ".join(again[:NAMED]) + (", …" if len(again) > NAMED else "")
        told = {"count": money.number(len(again)), "codes": named}
        messages.warning(request, text % told, fail_silently=True)
    if typed.empty:
        text = npgettext(
            "loyalty", "%(count)s empty line was left out.", "%(count)s empty lines were left out.", typed.empty
        )
        messages.warning(request, text % {"count": money.number(typed.empty)}, fail_silently=True)


def _columns(names: Iterable[str]) -> Iterable[str]:
    """Yield the columns that hold what was typed into these fields."""
    for name in names:
        if name.startswith(OWN):
            yield "params"
        elif name == "cost":
            yield "cost_minor"
        elif name not in ("codes", "codes_file", "is_meant"):
            yield name
