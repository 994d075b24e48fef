"""What staff read of a customer's rewards, and the page on which they give one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program import actors, clock, contributions, words
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Program, Reward
from loyalty_oscar.program.naming import called
from loyalty_oscar.redemption.claims import claims_of, has_rewards
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import present
from loyalty_oscar.redemption.operations.claims import LONGEST_TEXT

from ...dashboard.goodwill import member_to_give
from ...dashboard.links import admin_url
from ...dashboard.permissions import FULFIL, may, may_look
from ...dashboard.views import GivingView

Piece = tuple[str, Mapping[str, Any]]
NEWEST = 10


@contributions.register("dashboard:user", "rewards", order=40)
def of_customer(*, subject: Any, request: Any) -> Piece | None:
    """Return the newest rewards of a customer, and the way to give one; nothing in a shop without rewards."""
    visit = getattr(request, "loyalty", None)
    unit = visit.unit if visit else None
    if unit is None or not may_look(request.user) or not has_rewards(program=unit.program):
        return None
    rows = Claim.objects.filter(member__user_id=subject.pk, member__merged_into=None)
    rows = rows.select_related("reward__program", "member").order_by("-got_at", "-pk")[:NEWEST]
    may_give = may(request.user, FULFIL) and subject.pk != request.user.pk
    give_url = reverse("loyalty:dashboard-reward", args=[subject.pk, unit.pk]) if may_give else ""
    return "loyalty/dashboard/rewards.html", {"rows": [_row(claim) for claim in rows], "give_url": give_url}


@contributions.register("admin:member", "rewards", order=25)
def of_member(*, subject: Any, request: Any) -> Piece | None:
    """Return the newest rewards of a member, each with the way to its page."""
    if not request.user.has_perm("loyalty_redemption.view_claim") and not request.user.has_perm(FULFIL):
        return None
    rows = [_row(claim) for claim in claims_of(member_id=subject.pk).select_related("reward__program")[:NEWEST]]
    return ("loyalty/admin/rewards_of.html", {"rows": rows}) if rows else None


def _row(claim: Claim) -> dict[str, Any]:
    return {
        "claim": claim,
        "day": words.day(claim.got_at, zone=claim.reward.program.time_zone),
        "url": admin_url("loyalty_redemption_claim_change", claim.pk),
    }


class GiveRewardForm(forms.Form):
    """Which reward, and why; sent twice it is given once."""

    token = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    reward = forms.ModelChoiceField(Reward.objects.none(), label=pgettext_lazy("loyalty", "Reward"))
    reason = forms.CharField(
        label=pgettext_lazy("loyalty", "Reason"),
        max_length=LONGEST_TEXT,
        help_text=pgettext_lazy("loyalty", "Your colleagues read it beside the reward. The customer gets a mail."),
    )

    def __init__(self, *args: Any, program: Program, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen: Any = self.fields["reward"]
        chosen.queryset = Reward.objects.filter(program=program, is_on=True).order_by("name")
        for name in ("reward", "reason"):
            self.fields[name].widget.attrs["class"] = "form-control"


class GiveRewardView(GivingView):
    """Give a customer a reward, for a reason: what it costs in the catalogue does not matter."""

    template_name = "loyalty/dashboard/give_reward.html"
    form_class = GiveRewardForm

    def test_func(self) -> bool:
        return may_look(self.request.user) and may(self.request.user, FULFIL)

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "program": self.unit.program}

    def form_valid(self, form: GiveRewardForm) -> HttpResponse:
        data, at = form.cleaned_data, clock.now()
        try:
            member = member_to_give(user=self.customer, unit=self.unit, at=at)
            claim = present(
                reward=data["reward"],
                member=member,
                key=f"staff:{data['token']}",
                because=Because("goodwill"),
                ready_at=at,
                actor=actors.staff(self.request.user),
                note=data["reason"],
                at=at,
            )
        except NotAllowed:
            form.add_error(None, pgettext("loyalty", "This customer has not joined the program."))
            return self.form_invalid(form)
        note(
            staff=self.request.user,
            member=member,
            text=pgettext("loyalty", "Reward given: %(reward)s") % {"reward": claim.reward.name},
        )
        text = pgettext("loyalty", "“%(reward)s” given to %(customer)s.")
        told = {"reward": claim.reward.name, "customer": called(user=self.customer)}
        messages.success(self.request, text % told, fail_silently=True)
        return super().form_valid(form)
