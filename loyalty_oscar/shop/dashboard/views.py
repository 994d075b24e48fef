"""Goodwill points for a customer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.mixins import UserPassesTestMixin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import pgettext
from django.views.generic import FormView

from loyalty_oscar.kernel.errors import KeyMismatch, NotAllowed
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.models import Member, State, Unit
from loyalty_oscar.program.queries import member_of

from . import goodwill
from .forms import GoodwillForm
from .links import admin_url
from .permissions import may_give, may_look


class StaffView(UserPassesTestMixin):
    """For staff with the permission; strangers are asked to log in, others are refused."""

    def test_func(self) -> bool:
        return may_look(self.request.user)

    def get_login_url(self) -> str:
        return reverse("dashboard:login")


class GoodwillView(StaffView, FormView):
    """Give a customer a few points, with a reason."""

    template_name = "loyalty/dashboard/goodwill.html"
    form_class = GoodwillForm

    def test_func(self) -> bool:
        return may_give(self.request.user)

    def setup(self, request: Any, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        try:
            self.customer = get_user_model()._default_manager.filter(pk=kwargs["user_id"]).first()
        except (ValidationError, ValueError):
            self.customer = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.test_func():
            if self.customer is None:
                raise Http404
            if self.customer.pk == request.user.pk:
                raise PermissionDenied("nobody gives points to themselves")
            units = Unit.objects.select_related("program")
            closed = (State.DRAFT, State.CLOSED)
            self.unit = get_object_or_404(units.exclude(program__state__in=closed), pk=kwargs["unit_id"])
        return super().dispatch(request, *args, **kwargs)

    def get_success_url(self) -> str:
        member = self.customer_member()
        if member and self.request.GET.get("back") == "member":
            return admin_url("loyalty_program_member_change", member.pk) or reverse("loyalty:dashboard")
        return reverse("dashboard:user-detail", kwargs={"pk": self.customer.pk})

    def customer_member(self) -> Member | None:
        return member_of(program_id=self.unit.program_id, user_id=self.customer.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        left = goodwill.left_today(staff=self.request.user, at=clock.now())
        return super().get_context_data(
            **kwargs,
            customer=self.customer,
            unit=self.unit,
            left=words.points(unit=self.unit, points=left),
            cancel=self.get_success_url(),
        )

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "unit": self.unit}

    def form_valid(self, form: GoodwillForm) -> HttpResponse:
        data, unit = form.cleaned_data, self.unit
        try:
            goodwill.give(
                staff=self.request.user,
                user=self.customer,
                unit=unit,
                points=data["points"],
                reason=data["reason"],
                token=data["token"],
                at=clock.now(),
            )
        except goodwill.TooMuch as error:
            text = pgettext("loyalty", "You can give %(points)s more today.")
            form.add_error("points", text % {"points": words.points(unit=unit, points=error.left)})
        except KeyMismatch:
            form.add_error(None, pgettext("loyalty", "This form was sent before with another number. Open it anew."))
        except NotAllowed:
            form.add_error(None, pgettext("loyalty", "This customer has not joined the program."))
        if form.errors:
            return self.form_invalid(form)
        text = pgettext("loyalty", "%(points)s given to %(customer)s.")
        given = {"points": words.points(unit=unit, points=data["points"]), "customer": self.customer}
        messages.success(self.request, text % given, fail_silently=True)
        return super().form_valid(form)
