"""The doors to rewards: the catalogue with what one has, and the buttons on it. Looking changes nothing."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import uuid4

from django import http
from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import pgettext
from django.views.generic import TemplateView, View
from oscar.core.loading import get_class

from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.conf import conf
from loyalty_oscar.program.forms import LONGEST_KEY
from loyalty_oscar.program.models import Reward
from loyalty_oscar.program.worth import worth
from loyalty_oscar.redemption.kinds import CODE, is_for_baskets
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import CannotClaim, ask, buy, show_code
from loyalty_oscar.redemption.words import sentence

from ...self_service.views import OwnPage
from ...storefront.shown_total import sent
from ...storefront.views.account import WithProgram
from ...storefront.visit import joined, takes_part
from ..views import page_before
from .storefront import NOT_FOR_YOU, cards, own, split
from .use_rewards import leave_in_request, use_in_request

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
#: What a page makes up for each reward that it offers, so that a form sent twice takes its price once.
ONCE = re.compile(r"[0-9a-f]{32}")


class RewardsView(WithProgram, PageTitleMixin, TemplateView):
    """What can I have? Everybody may look; members see what they can have, and what they have."""

    template_name = "loyalty/rewards.html"
    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Rewards")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        visit, basket, at = self.request.loyalty, self.request.basket, clock.now()
        shown, (current, past) = cards(visit=visit, at=at, basket=basket), split(own(visit=visit, basket=basket))
        if not shown and not current and not past:
            raise http.Http404("no rewards here")
        account = visit.account
        ready = account.available if account else 0
        return super().get_context_data(
            cards=shown,
            current=current,
            past=past,
            is_in=takes_part(visit=visit),
            ready=words.points(unit=self.unit, points=ready),
            worth=worth(unit=self.unit, points=ready),
            once=uuid4().hex,
            css=conf.CSS,
            **kwargs,
        )


class RewardDoor(OwnPage, WithProgram, View):
    """A button on that page; answered by going back to it."""

    http_method_names = ("post", "options")

    def back(self, mark: str = "yours") -> http.HttpResponse:
        return redirect(f"{reverse('loyalty:rewards')}#{mark}")


class ClaimRewardView(RewardDoor):
    """Have a reward for points."""

    def post(self, request: Any, code: str) -> http.HttpResponse:
        reward = get_object_or_404(Reward, program=self.program, code=code)
        once, at = request.POST.get("once", ""), clock.now()
        member = joined(visit=request.loyalty, at=at)
        if member is None:
            return redirect("loyalty:join")
        if not ONCE.fullmatch(once):
            return self.say_why(pgettext("loyalty", "That did not work. Please try it once more."), code)
        try:
            claim = buy(
                reward=reward,
                member=member,
                key=f"{once}:{reward.pk}",
                at=at,
                text=request.POST.get("text", ""),
                shown=sent(request=request, field="points") or None,
            )
        except CannotClaim as refused:
            if reward.segment_id and refused.because.code == NOT_FOR_YOU:
                # Nobody is told of what is for a group that they are not in.
                raise http.Http404("no such reward") from refused
            return self.say_why(sentence(because=refused.because, unit=self.unit), code)
        except LoyaltyError:
            return self.say_why(pgettext("loyalty", "That did not work. Please try it once more."), code)
        text = pgettext("loyalty", "“%(reward)s” is yours.")
        if claim.state == Claim.State.ASKED:
            text = pgettext("loyalty", "“%(reward)s” is yours. We take care of it and write to you.")
        messages.success(request, text % {"reward": reward.name})
        return self.back()

    def say_why(self, text: str, code: str) -> http.HttpResponse:
        messages.error(self.request, text)
        return self.back(f"reward-{code}")


class OwnClaimView(RewardDoor):
    """Use a reward that one has: see its code, or ask the shop for it."""

    def claim(self, pk: int) -> Claim:
        """Return a reward of the visitor's; nobody else's is there."""
        if self.request.loyalty.member is None:
            raise http.Http404("no member")
        return get_object_or_404(Claim, pk=pk, member=self.request.loyalty.member)

    def post(self, request: Any, pk: int) -> http.HttpResponse:
        claim, at = self.claim(pk), clock.now()
        try:
            if claim.reward.kind == CODE:
                if not show_code(claim=claim, at=at):
                    text = pgettext("loyalty", "There is no code for you yet. We have been told and will add one.")
                    messages.error(request, text)
            elif is_for_baskets(kind=claim.reward.kind):
                return self.put_on_basket(claim, at)
            else:
                ask(claim=claim, text=request.POST.get("text", ""), at=at)
                messages.success(request, pgettext("loyalty", "We take care of it and write to you."))
        except CannotClaim as refused:
            messages.error(request, sentence(because=refused.because, unit=self.unit))
        except NotAllowed:
            messages.error(request, pgettext("loyalty", "That reward can’t be used any more."))
        return self.back()

    def put_on_basket(self, claim: Claim, at: datetime) -> http.HttpResponse:
        """Put it into the basket, and go where it shows what it does."""
        request, chosen = self.request, self.request.POST.get("product", "")
        product_id = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < LONGEST_KEY else None
        if request.basket.pk is None:
            request.basket.save()
        use_in_request(request=request, claim=claim, basket=request.basket, product_id=product_id, at=at)
        text = pgettext("loyalty", "“%(reward)s” is in your basket.")
        messages.success(request, text % {"reward": claim.reward.name})
        return redirect(f"{page_before(request=request)}#rewards")


class TakeOutView(OwnClaimView):
    """Take a reward out of the basket; it stays one's own."""

    def post(self, request: Any, pk: int) -> http.HttpResponse:
        claim = self.claim(pk)
        try:
            if request.basket.pk is not None:
                leave_in_request(request=request, claim=claim, basket=request.basket, at=clock.now())
        except CannotClaim as refused:
            messages.error(request, sentence(because=refused.because, unit=self.unit))
        return redirect(f"{page_before(request=request)}#rewards")
