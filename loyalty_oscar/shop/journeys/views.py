"""The doors to campaigns: a code word, typed or by a QR code, and one's birthday."""

from __future__ import annotations

import logging
from typing import Any

from django import http
from django.contrib import messages
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import pgettext
from django.views.decorators.cache import cache_control
from django.views.generic import TemplateView, View
from oscar.core.loading import get_class

from loyalty_oscar.journeys import operations
from loyalty_oscar.people.operations import forget_birthday, save_birthday
from loyalty_oscar.program import clock
from loyalty_oscar.program.conf import conf

from ..self_service.views import OwnPage
from ..storefront import throttle
from ..storefront.views.account import WithProgram
from ..storefront.visit import joined, takes_part
from .listeners import say
from .storefront import SLIP, BirthdayForm, shows_word

PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
logger = logging.getLogger("loyalty_oscar")
#: From one network address so many times the tries of one person.
PEOPLE_PER_ADDRESS = 5

private = method_decorator(cache_control(private=True, no_store=True), name="dispatch")


@private
class WordView(OwnPage, WithProgram, PageTitleMixin, TemplateView):
    """Where a QR code leads: a button. Looking changes nothing, and tells nothing of the word."""

    template_name = "loyalty/word.html"
    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Use a code word")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**{**kwargs, "word": self.kwargs["word"][:60]})


@private
class UseWordView(OwnPage, WithProgram, View):
    """Use a code word. Whatever is wrong with it, the answer is the same, and so is what it takes to get it."""

    http_method_names = ("post", "options")

    def post(self, request: Any) -> http.HttpResponse:
        if not takes_part(visit=request.loyalty):
            return redirect("loyalty:join")
        names = self.names(request)
        tried = [throttle.is_one_too_many(name=name, most=most, seconds=throttle.HOUR) for name, most in names.items()]
        if any(tried):
            logger.warning("person %s tries more code words than LOYALTY_WORD_TRIES allows", request.user.pk)
            return self.slip(request, pgettext("loyalty", "Too many tries. Please come back in an hour."))
        occurrence = operations.use_word(
            program=self.program, user_id=request.user.pk, word=request.POST.get("word", ""), at=clock.now()
        )
        if occurrence:
            for name in names:
                throttle.forgive(name=name, seconds=throttle.HOUR)
            say(request=request, occurrence=occurrence, unit=self.unit)
            return redirect("loyalty:overview")
        text = pgettext(
            "loyalty",
            "That code doesn’t work now. Check the spelling; each code counts once. Some ask for a confirmed address or"
            " an order that arrived.",
        )
        return self.slip(request, text)

    def slip(self, request: Any, text: str) -> http.HttpResponse:
        """Say what is wrong at the field, which keeps what was typed; above the page where the field is not on it."""
        if not shows_word(unit=self.unit, request=request):
            messages.error(request, text)
            return redirect("loyalty:overview")
        request.session[SLIP] = {"of": "word", "text": text, "typed": request.POST.get("word", "")[:60]}
        return redirect(f"{reverse('loyalty:overview')}#word")

    def names(self, request: Any) -> dict[str, int]:
        """Return who tries, with how many tries an hour there are."""
        return {
            f"word:user:{request.user.pk}": conf.WORD_TRIES,
            f"word:address:{throttle.address_of(request=request)}": conf.WORD_TRIES * PEOPLE_PER_ADDRESS,
        }


@private
class BirthdayView(OwnPage, WithProgram, View):
    """Tell one's birthday, or have it forgotten (`forget`)."""

    http_method_names = ("post", "options")

    def post(self, request: Any) -> http.HttpResponse:
        if not takes_part(visit=request.loyalty):
            return redirect("loyalty:join")
        member, at = request.loyalty.member, clock.now()
        if "forget" in request.POST:
            if member:
                forget_birthday(member=member)
            messages.success(request, pgettext("loyalty", "We deleted your birthday."))
            return redirect("loyalty:overview")
        form = BirthdayForm(request.POST)
        if not form.is_valid():
            text = pgettext("loyalty", "That day doesn’t exist. Please check your birthday.")
            typed = {name: request.POST.get(name, "")[:2] for name in form.fields}
            request.session[SLIP] = {"of": "birthday", "text": text, "typed": typed}
            return redirect(f"{reverse('loyalty:overview')}#birthday")
        member = member or joined(visit=request.loyalty, at=at)
        if member is None:
            return redirect("loyalty:join")
        save_birthday(member=member, **form.cleaned_data, at=at)
        messages.success(request, pgettext("loyalty", "Thank you. We keep the day and the month, nothing else."))
        return redirect("loyalty:overview")
