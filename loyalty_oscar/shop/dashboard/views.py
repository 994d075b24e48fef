"""Goodwill points for a customer."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.contrib.auth.mixins import UserPassesTestMixin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import pgettext
from django.views.generic import FormView, TemplateView
from oscar.core.loading import get_model

from loyalty_oscar.kernel.errors import KeyMismatch, NotAllowed
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Member, Program, State, Unit
from loyalty_oscar.program.naming import called
from loyalty_oscar.program.queries import are_one, member_of
from loyalty_oscar.program.worth import worth

from ..orders.returns import preview_undone
from ..orders.unreturned import return_of, undo_return, units_back
from . import goodwill
from .by_hand import may_undo, undo
from .forms import GoodwillForm
from .links import admin_url, order_url, user_url
from .permissions import UNRETURN, is_own, may_give, may_look
from .returns import notes, parts


class StaffView(UserPassesTestMixin):
    """For staff with the permission; strangers are asked to log in, others are refused."""

    def test_func(self) -> bool:
        return may_look(self.request.user)

    def get_login_url(self) -> str:
        return reverse("dashboard:login")


class GivingView(StaffView, FormView):
    """Give a customer something in a program; nobody gives to themselves."""

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
            units = Unit.objects.select_related("program")
            closed = (State.DRAFT, State.CLOSED)
            self.unit = get_object_or_404(units.exclude(program__state__in=closed), pk=kwargs["unit_id"])
            if are_one(user_id=request.user.pk, other_id=self.customer.pk, program_id=self.unit.program_id):
                raise PermissionDenied("nobody gives anything to themselves")
        return super().dispatch(request, *args, **kwargs)

    def get_success_url(self) -> str:
        return reverse("dashboard:user-detail", kwargs={"pk": self.customer.pk})

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        told = {"customer": called(user=self.customer), "unit": self.unit, "cancel": self.get_success_url()}
        return super().get_context_data(**{**told, **kwargs})


class GoodwillView(GivingView):
    """Give a customer a few points, with a reason."""

    template_name = "loyalty/dashboard/goodwill.html"
    form_class = GoodwillForm

    def test_func(self) -> bool:
        return may_give(self.request.user)

    def get_success_url(self) -> str:
        member = self.customer_member()
        if member and self.request.GET.get("back") == "member":
            return admin_url("loyalty_program_member_change", member.pk) or reverse("loyalty:dashboard")
        return super().get_success_url()

    def customer_member(self) -> Member | None:
        return member_of(program_id=self.unit.program_id, user_id=self.customer.pk)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        left = goodwill.left_today(staff=self.request.user, at=clock.now())
        return super().get_context_data(**kwargs, left=words.points(unit=self.unit, points=left))

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "unit": self.unit}

    def form_valid(self, form: GoodwillForm) -> HttpResponse:
        data, unit = form.cleaned_data, self.unit
        try:
            posted = goodwill.give(
                staff=self.request.user,
                user=self.customer,
                unit=unit,
                points=data["points"],
                reason=data["reason"],
                token=data["token"],
                is_told=data["is_told"],
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
        if not posted.replayed:
            self.note(words.points(unit=unit, points=data["points"], signed=True))
        value = worth(unit=unit, points=data["points"])
        text = pgettext("loyalty", "%(points)s given to %(customer)s.")
        if value:
            text = pgettext("loyalty", "%(points)s, worth %(worth)s, given to %(customer)s.")
        given = {"points": words.points(unit=unit, points=data["points"]), "customer": called(user=self.customer)}
        messages.success(self.request, text % {**given, "worth": value}, fail_silently=True)
        return super().form_valid(form)

    def note(self, moved: str) -> None:
        member = self.customer_member()
        if member:
            text = pgettext("loyalty", "Goodwill: %(moved)s") % {"moved": moved}
            note(staff=self.request.user, member=member, text=text)


class UndoView(StaffView, TemplateView):
    """Undo what was given or taken by hand; says first what that does."""

    template_name = "loyalty/dashboard/undo.html"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.test_func():
            rows = Entry.objects.select_related("account__unit__program", "account__member__user")
            self.entry = get_object_or_404(rows, pk=kwargs["entry_id"])
            if not may_undo(entry=self.entry, staff=request.user) or is_own(request.user, self.entry.account.member):
                raise PermissionDenied
        return super().dispatch(request, *args, **kwargs)

    def back(self) -> str:
        """Return the page that one came from."""
        member = self.entry.account.member
        page = admin_url("loyalty_program_member_change", member.pk)
        if self.request.GET.get("back") == "member" and page:
            return page
        return (user_url(member.user) if member.user else "") or reverse("loyalty:dashboard")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        entry, unit = self.entry, self.entry.account.unit
        points = words.points(unit=unit, points=abs(entry.net))
        said = {"points": points, "day": words.day(entry.effective_at, zone=unit.program.time_zone)}
        if entry.net > 0:
            heading = pgettext("loyalty", "Take back %(points)s that were given on %(day)s?")
            does = pgettext("loyalty", "What of it is used already has to be made up.")
            if unit.program.debt_policy == Program.Debt.CLAMP:
                does = pgettext("loyalty", "What of them is used already the shop bears.")
        else:
            heading = pgettext("loyalty", "Give back %(points)s that were taken on %(day)s?")
            does = pgettext("loyalty", "They run out on the days on which they would have.")
        return super().get_context_data(
            **kwargs, heading=heading % said, does=does, customer=str(entry.account.member), cancel=self.back()
        )

    def note(self, entry: Entry) -> None:
        moved = words.points(unit=self.entry.account.unit, points=entry.net, signed=True)
        text = pgettext("loyalty", "Undone by hand: %(moved)s") % {"moved": moved}
        note(staff=self.request.user, member=self.entry.account.member, text=text)

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            done = undo(entry=self.entry, staff=request.user, at=clock.now())
            if done.entry and not done.replayed:
                self.note(done.entry)
            text = pgettext("loyalty", "It is undone.")
            messages.success(request, text, fail_silently=True)
        except NotAllowed:
            text = pgettext("loyalty", "It was undone before.")
            messages.info(request, text, fail_silently=True)
        return HttpResponseRedirect(self.back())


class UnreturnView(StaffView, TemplateView):
    """Take back a return that was typed by mistake; says first what that does."""

    template_name = "loyalty/dashboard/unreturn.html"

    def test_func(self) -> bool:
        return may_look(self.request.user) and self.request.user.has_perm(UNRETURN)

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.test_func():
            self.order = get_object_or_404(get_model("order", "Order"), number=kwargs["number"])
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        told = return_of(order=self.order, kind=kwargs["kind"], event_id=kwargs["event_id"])
        if told is None:
            raise Http404
        found = preview_undone(order=self.order, quantities=units_back(told=told), at=clock.now())
        lines = self.order.lines.in_bulk(list(told.quantities))
        return super().get_context_data(
            **kwargs,
            order=self.order,
            told=told,
            rows=[(lines[pk].title, units) for pk, units in told.quantities.items()],
            parts=[text for name, _value, text in parts(found) if name != "return-money"],
            notes=list(notes(found)),
            cancel=order_url(self.order) or reverse("loyalty:dashboard"),
        )

    def post(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        about = {"kind": kwargs["kind"], "event_id": kwargs["event_id"], "staff": request.user, "at": clock.now()}
        try:
            undo_return(order=self.order, **about)
            messages.success(request, pgettext("loyalty", "The return is undone."), fail_silently=True)
        except NotAllowed:
            messages.info(request, pgettext("loyalty", "It was undone before."), fail_silently=True)
        return HttpResponseRedirect(order_url(self.order) or reverse("loyalty:dashboard"))
