"""Six questions, and ready programs beside each other with what each would have cost; one becomes a draft."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import pgettext, pgettext_lazy
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import LoyaltyError, in_short
from loyalty_oscar.program import clock
from loyalty_oscar.program.apart import apart
from loyalty_oscar.program.hooks import RAISE, Hook, program_pages
from loyalty_oscar.program.models import JobRun, Program

from .presets import Answers, Preset, draft_of, free_code, make, on_offer
from .setup import SetupResult, make_ready, shop_currency
from .setup_page import STYLES, may_set_up
from .tables import set_up

NAME = "loyalty_program_program_choose"
#: What else than ours a ready program writes.
OFFERS = [get_model("offer", name) for name in ("Condition", "Benefit", "ConditionalOffer")]
YES_OR_NO = (("yes", pgettext_lazy("loyalty", "yes")), ("no", pgettext_lazy("loyalty", "no")))


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetCost:
    """What a ready program would have cost, in words: names with their figures, and sentences."""

    figures: Sequence[tuple[str, str]] = ()
    sentences: Sequence[str] = ()


class PresetCosts(Protocol):
    """Says what drafts would have cost on the orders of the last twelve months; the first that is registered does."""

    def __call__(self, *, drafts: Sequence[SetupResult], at: datetime) -> tuple[str, Sequence[PresetCost]]:
        """Return on what they were tried, and the cost of each. They are there only while this is asked."""
        ...


preset_costs: Hook[PresetCosts] = Hook("preset_costs", PresetCosts, on_error=RAISE)


def _asked(label: Any, *choices: tuple[str, Any]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect)


class QuestionsForm(forms.Form):
    """Six questions about the shop, and the name of the program."""

    often = _asked(
        pgettext_lazy("loyalty", "How often does a customer come back?"),
        ("often", pgettext_lazy("loyalty", "every few weeks")),
        ("sometimes", pgettext_lazy("loyalty", "a few times a year")),
        ("seldom", pgettext_lazy("loyalty", "once a year, or less")),
    )
    margin = _asked(
        pgettext_lazy("loyalty", "Of 100 that are paid, how much is left when the goods are paid for?"),
        ("little", pgettext_lazy("loyalty", "less than 20")),
        ("some", pgettext_lazy("loyalty", "20 to 40")),
        ("much", pgettext_lazy("loyalty", "more than 40")),
    )
    collects = _asked(
        pgettext_lazy("loyalty", "What would your customers like to collect?"),
        ("points", pgettext_lazy("loyalty", "points")),
        ("money", pgettext_lazy("loyalty", "money")),
        ("stars", pgettext_lazy("loyalty", "stars on a card, one for each piece")),
    )
    levels = _asked(pgettext_lazy("loyalty", "Are your best customers to have more than the others?"), *YES_OR_NO)
    friends = _asked(pgettext_lazy("loyalty", "Do new customers come because others speak well of you?"), *YES_OR_NO)
    hold_days = forms.IntegerField(
        label=pgettext_lazy("loyalty", "In how many days may goods come back?"), min_value=0, max_value=365
    )
    name = forms.CharField(
        label=pgettext_lazy("loyalty", "Name of the program"),
        max_length=100,
        initial=pgettext_lazy("loyalty", "Loyalty Club"),
        help_text=pgettext_lazy("loyalty", "As customers read it after “the”, for example Paw Club."),
    )

    def answers(self) -> Answers:
        """Return what was answered, checked."""
        return Answers(**{name: said for name, said in self.cleaned_data.items() if name != "name"})


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetCard:
    """A ready program beside the others: its cost, whether most answers speak for it, and its draft if there is one."""

    code: str
    preset: Preset
    cost: PresetCost
    is_best: bool
    draft: Program | None


@program_pages.register("choose")
def pages(*, admin_site: AdminSite) -> Iterator[URLPattern]:
    """Add the page that asks and offers."""
    yield path("choose/", admin_site.admin_view(partial(choose, admin_site=admin_site)), name=NAME)


def choose(request: HttpRequest, *, admin_site: AdminSite) -> HttpResponse:
    """Ask the six questions; show the ready programs for the answers; with `make` or `again`, make one a draft."""
    if not may_set_up(request.user):
        raise PermissionDenied
    form = QuestionsForm(request.POST or None, initial=asdict(Answers()))
    tried, cards = "", []
    if request.method == "POST" and form.is_valid():
        answers, name = form.answers(), form.cleaned_data["name"]
        offered, at = on_offer(answers=answers), clock.now()
        is_again = request.POST.get("again") in offered
        code = request.POST["again"] if is_again else request.POST.get("make", "")
        if code in offered:
            try:
                return _chosen(request, _draft(code, offered[code], name, answers, at, is_again))
            except LoyaltyError as error:
                messages.error(request, str(error), fail_silently=True)
        tried, cards = _cards(offered, answers, at)
    context = {
        **admin_site.each_context(request),
        "title": pgettext("loyalty", "Choose a ready program"),
        "opts": Program._meta,
        "form": form,
        "tried": tried,
        "cards": cards,
        "by_hand": reverse("admin:loyalty_program_program_set_up"),
        "media": STYLES,
    }
    return TemplateResponse(request, "loyalty/admin/choose.html", context)


def _draft(code: str, preset: Preset, name: str, answers: Answers, at: datetime, is_again: bool) -> SetupResult:
    """Make a draft, or return the one that is there, also where somebody makes it at this very moment."""
    there = None if is_again else draft_of(code=code)
    free = there.code if there else free_code(code=code)
    ready = partial(make, preset=preset, code=free, name=name, currency=shop_currency(), answers=answers, at=at)
    try:
        return ready()
    except IntegrityError:
        return ready()


def _chosen(request: HttpRequest, ready: SetupResult) -> HttpResponse:
    text = pgettext("loyalty", "The program is set up, as a draft that no customer sees. Have a look, then go live.")
    if not ready.made:
        text = pgettext("loyalty", "There is a draft of this program already. Nothing was changed.")
    messages.success(request, text, fail_silently=True)
    return redirect("admin:loyalty_program_program_change", ready.program.pk)


def _cards(offered: Mapping[str, Preset], answers: Answers, at: datetime) -> tuple[str, list[PresetCard]]:
    tried, costs = _costs(offered, answers, at)
    cards = [
        PresetCard(
            code=code,
            preset=preset,
            cost=costs.get(code, PresetCost()),
            is_best=place == 0,
            draft=draft_of(code=code),
        )
        for place, (code, preset) in enumerate(offered.items())
    ]
    return tried, cards


def _costs(offered: Mapping[str, Preset], answers: Answers, at: datetime) -> tuple[str, Mapping[str, PresetCost]]:
    """
    Return on what they were tried, and what each would have cost: by drafts of them on tables apart, so that nobody who
    sets up a program or orders meanwhile waits for them. What fails is said of that one alone.
    """
    ask = preset_costs.first()
    if ask is None:
        return "", {}
    drafts: dict[str, SetupResult] = {}
    costs: dict[str, PresetCost] = {}
    try:
        with apart(empty=[JobRun], copied=[*set_up(), *OFFERS]):
            for code, preset in offered.items():
                try:
                    drafts[code] = _played(code, preset, answers, at)
                except (LoyaltyError, DatabaseError) as error:
                    costs[code] = PresetCost(sentences=[_unknown(error)])
            tried, found = ask(drafts=list(drafts.values()), at=at)
            return tried, costs | dict(zip(drafts, found, strict=True))
    except (LoyaltyError, DatabaseError) as error:
        return _unknown(error), {}


def _played(code: str, preset: Preset, answers: Answers, at: datetime) -> SetupResult:
    """Make a draft that is there for the length of a play only, without letters: nobody will get one."""
    choices = replace(preset.choices(answers=answers, currency=shop_currency()), has_campaigns=False)
    free = free_code(code=code)
    return make_ready(code=free, name="…", currency=shop_currency(), live=False, at=at, choices=choices)


def _unknown(error: Exception) -> str:
    text = pgettext("loyalty", "What it would have cost could not be worked out: %(error)s")
    return text % {"error": in_short(error)}
