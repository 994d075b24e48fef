"""Points in the basket: how many are wanted, how many it takes, and why."""

from __future__ import annotations

from typing import Any

from django.utils.translation import pgettext
from rest_framework import serializers
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar.program import clock
from loyalty_oscar.program.db import write_db
from loyalty_oscar.redemption.words import sentence
from loyalty_oscar.shop.redemption.headless import basket_of, standing
from loyalty_oscar.shop.redemption.promise import is_seen_again
from loyalty_oscar.shop.redemption.use_points import Refused, use_in_request

from ..routes import routes
from ..strict import whole_number
from ..views import BecauseSerializer, Conflict, MemberView, NothingElse, described

#: Nobody has more, and nothing overflows.
MOST_POINTS = 999_999_999
USED = {
    "ready": 933,
    "set_aside": 317,
    "asked": 500,
    "applied": 317,
    "worth": "3.17",
    "currency": "EUR",
    "total": "0.00",
    "because": {
        "code": "all_goods_paid",
        "params": {"minor": 317, "currency": "EUR"},
        "text": "Your goods cost €3.17, and points do not pay for delivery.",
    },
}
NONE_USED = {
    "ready": 933,
    "set_aside": 317,
    "asked": 0,
    "applied": 0,
    "worth": "0.00",
    "currency": "EUR",
    "total": "3.17",
    "because": {"code": "as_asked", "params": {}, "text": ""},
}


class AskedSerializer(serializers.Serializer):
    points = serializers.IntegerField(min_value=1, max_value=MOST_POINTS)

    class Meta:
        ref_name = "LoyaltyAsked"


class AskedExtension(NothingElse):  # type: ignore[no-untyped-call]
    target_class = AskedSerializer


class StandingSerializer(serializers.Serializer):
    ready = serializers.IntegerField(help_text="Points that can be used, without those set aside.")
    set_aside = serializers.IntegerField(help_text="Points set aside for this basket: what it takes of them.")
    asked = serializers.IntegerField(help_text="Points that the customer wants to use; 0 for none.")
    applied = serializers.IntegerField(help_text="Points that this basket takes now.")
    worth = serializers.CharField(help_text="What comes off for them (`5.00`).")
    currency = serializers.CharField(help_text="ISO 4217.")
    total = serializers.CharField(help_text="What the goods come to after all discounts, without shipping.")
    because = BecauseSerializer(help_text="Why it is not what was asked; `as_asked` where it is.")

    class Meta:
        ref_name = "LoyaltyBasketPoints"


class BasketView(MemberView):
    """What is about the customer's own open basket."""

    def basket(self) -> Any:
        """Return the customer's open basket. Raises `NotFound` where there is none."""
        by_session = isinstance(self.request.successful_authenticator, SessionAuthentication)
        basket = basket_of(request=self.request, by_session=by_session)
        if basket is None:
            raise NotFound
        # With a token, too, it is the basket of this request for who looks after one that a request changed.
        request: Any = self.request._request
        request.basket = basket
        return basket


@routes.register("basket/points")
class BasketPointsView(BasketView):
    """Points on the customer's own open basket; no other can be named."""

    @described(
        answer=StandingSerializer, example=USED, operation_id="loyalty_basket_points", summary="Points in your basket"
    )
    def get(self, request: Request) -> Response:
        """Return what points do to your open basket. Changes nothing."""
        return self.answer(self.basket())

    @described(
        answer=StandingSerializer,
        example=USED,
        wrong=(403, 409, 413, 415),
        operation_id="loyalty_use_points",
        summary="Use points",
        request=AskedSerializer,
    )
    def put(self, request: Request) -> Response:
        """Set aside what your open basket takes of so many points, in place of what was set aside for it before."""
        return self.use(whole_number(data=request.data, name="points", most=MOST_POINTS))

    @described(
        answer=StandingSerializer,
        example=NONE_USED,
        wrong=(403, 409),
        operation_id="loyalty_keep_points",
        summary="Use no points",
    )
    def delete(self, request: Request) -> Response:
        """Give back what is set aside for your open basket."""
        return self.use(0)

    def use(self, points: int) -> Response:
        """Set points aside (0: none) and answer with the basket as it is then."""
        basket, account = self.basket(), self.visit.account
        told = {"request": self.request, "account": account, "unit": self.unit, "basket": basket}
        try:
            if account is not None:
                use_in_request(**told, points=points, at=clock.now())
                account.refresh_from_db(using=write_db(), fields=["available", "reserved", "debt"])
            elif points:
                raise Refused(code="not_enough_points", text=pgettext("loyalty", "You have nothing yet."))
        except Refused as refused:
            raise Conflict(refused.text, code=refused.code) from refused
        return self.answer(basket)

    def answer(self, basket: Any) -> Response:
        """Return the basket's points in the shape of the API."""
        is_seen_again(basket=basket)
        found = standing(basket=basket, unit=self.unit, account=self.visit.account)
        told = {
            "ready": found.ready,
            "set_aside": found.set_aside,
            "asked": found.asked,
            "applied": found.applied,
            "worth": str(found.worth),
            "currency": found.currency,
            "total": str(found.total),
            "because": {
                "code": found.because.code,
                "params": found.because.params,
                "text": sentence(because=found.because, unit=self.unit),
            },
        }
        return Response(StandingSerializer(told).data)
