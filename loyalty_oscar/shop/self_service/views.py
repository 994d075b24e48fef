"""The doors of this room: keep a guest's points, confirm an address, take one's data along."""

from __future__ import annotations

import logging
from typing import Any

from django import forms, http
from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.sites.shortcuts import get_current_site
from django.core.cache import cache
from django.shortcuts import redirect
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import pgettext, pgettext_lazy
from django.views.decorators.cache import cache_control
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import TemplateView, View
from oscar.core.loading import get_class, get_model

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member

from ..notices.letters import SiteRequest, absolute, frame
from ..storefront import host_events
from . import guests
from .export import export_member
from .pieces import has_account, offer

logger = logging.getLogger("loyalty_oscar")
PageTitleMixin = get_class("customer.mixins", "PageTitleMixin")
RegisterUserMixin = get_class("customer.mixins", "RegisterUserMixin")
EmailUserCreationForm = get_class("customer.forms", "EmailUserCreationForm")
#: Seconds between two mails that ask the same person to confirm an address.
ADDRESS_PAUSE = 600

private = method_decorator(cache_control(private=True, no_store=True), name="dispatch")


class OwnPage(LoginRequiredMixin):
    """A page of somebody who is signed in."""

    login_url = reverse_lazy("customer:login")


class PasswordForm(forms.Form):
    """The one field between a guest and an account."""

    password = forms.CharField(
        label=pgettext_lazy("loyalty", "Password"),
        strip=False,
        error_messages={"required": pgettext_lazy("loyalty", "Choose a password.")},
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password", "class": "form-control"}),
    )


@private
@method_decorator(sensitive_post_parameters("password"), name="dispatch")
class KeepView(RegisterUserMixin, TemplateView):
    """Keep the points of this session's order: with a password, or in the account one is signed in to."""

    template_name = "loyalty/people/keep_page.html"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> http.HttpResponse:
        number = request.session.get("checkout_order_id")
        self.order = get_model("order", "Order").objects.filter(pk=number).first() if number else None
        self.offered = offer(order=self.order, request=request)
        if self.offered is None:
            return redirect("loyalty:overview")
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**self.offered, **kwargs)

    def post(self, request: Any, *args: Any, **kwargs: Any) -> http.HttpResponse:
        if not request.user.is_authenticated:
            form = PasswordForm(request.POST)
            account = self.account_form(form)
            if account is None:
                self.offered["has_account"] = has_account(email=self.order.guest_email)
                return self.render_to_response(self.get_context_data(form=form))
            self.register_user(account)
        if guests.keep_order(order=self.order, user=request.user, at=clock.now()):
            text = pgettext("loyalty", "Done: you keep %(points)s.") % {"points": self.offered["points"]}
            messages.success(request, text, fail_silently=True)
        return redirect("checkout:thank-you")

    def account_form(self, form: PasswordForm) -> Any | None:
        """Return the shop's own form for a new account, valid; or None, with what is wrong on ours."""
        if not form.is_valid():
            return None
        password = form.cleaned_data["password"]
        data = {"email": self.order.guest_email, "password1": password, "password2": password, "redirect_url": ""}
        account = EmailUserCreationForm(data, host=self.request.get_host())
        if account.is_valid():
            return account
        for errors in account.errors.as_data().values():
            form.add_error("password", errors)
        return None


@private
class ConfirmAddressView(OwnPage, View):
    """
    Send the link that confirms the address one has.

    Nowhere but to the mailbox: whoever can read the link without it owns what the mailbox's owner ordered as a guest.
    """

    def post(self, request: Any) -> http.HttpResponse:
        lately = f"loyalty-address:{request.user.pk}"
        try:
            if request.user.email and cache.add(lately, 1, ADDRESS_PAUSE):
                self.send(request, lately)
        except Exception:
            logger.exception("no link was sent that confirms an address")
            text = pgettext("loyalty", "The mail could not be sent just now. Please try again in a few minutes.")
            messages.error(request, text, fail_silently=True)
            return redirect("loyalty:overview")
        return redirect("loyalty:address-sent")

    def send(self, request: Any, lately: str) -> None:
        if cache.get(lately) is None:
            raise LoyaltyError("nobody could see how often a mail is asked for: the cache keeps nothing")
        try:
            self.mail(request)
        except Exception:
            cache.delete(lately)  # Nothing was sent: the next try must not be told that it was.
            raise

    def mail(self, request: Any) -> None:
        user = request.user
        path = reverse("loyalty:address", args=[guests.make_token(user=user)])
        site, unit = get_current_site(request), request.loyalty.unit
        dispatcher = get_class("communication.utils", "Dispatcher")()
        looks = frame(user=user, site=site, program=unit.program if unit else None)
        context = {"request": SiteRequest(site=site), **looks, "link": absolute(site=site, path=path)}
        letter = dispatcher.get_messages("LOYALTY_CONFIRM_ADDRESS", context)
        # Oscar keeps messages to users, for them to read in the account: to an address it keeps none.
        dispatcher.dispatch_direct_messages(user.email, letter)


class AddressPage(OwnPage, PageTitleMixin, TemplateView):
    """A page about the visitor's address."""

    active_tab = "loyalty"

    def get_page_title(self) -> str:
        return pgettext("loyalty", "Confirm your address")


@private
class AddressSentView(AddressPage):
    """Say that the link is on its way."""

    template_name = "loyalty/people/address_sent.html"


@private
class AddressView(AddressPage):
    """Where the link leads: a button, because mail programs open links by themselves, then what was found."""

    template_name = "loyalty/people/address.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        is_right = guests.is_token_of(token=self.kwargs["token"], user=self.request.user)
        return super().get_context_data(is_right=is_right, **kwargs)

    def post(self, request: Any, token: str) -> http.HttpResponse:
        if not guests.is_token_of(token=token, user=request.user):
            return self.render_to_response(self.get_context_data())
        found = guests.keep_orders(user=request.user, email=request.user.email, at=clock.now())
        host_events.address_confirmed(user=request.user, email=request.user.email, request=request)
        return self.render_to_response(self.get_context_data(is_done=True, found=len(found)))


@private
class ExportView(OwnPage, View):
    """Everything that is kept about the visitor, as a file."""

    def get(self, request: Any) -> http.HttpResponse:
        members = Member.objects.filter(user_id=request.user.pk).select_related("program").order_by("pk")
        data = [export_member(member=member, at=clock.now()) for member in members]
        response = http.JsonResponse({"memberships": data}, json_dumps_params={"indent": 2, "ensure_ascii": False})
        response["Content-Disposition"] = 'attachment; filename="loyalty.json"'
        return response
