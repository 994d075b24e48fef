"""Rewards in the basket: which lie there, what each takes off, and why no more."""

from __future__ import annotations

from typing import Any

from django.utils.translation import pgettext
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar.program import clock
from loyalty_oscar.redemption.operations import CannotClaim
from loyalty_oscar.redemption.words import sentence
from loyalty_oscar.shop.redemption.headless import rewards_standing
from loyalty_oscar.shop.redemption.rewards.use_rewards import leave_in_request, use_in_request

from ..routes import routes
from ..strict import whole_number
from ..views import BecauseSerializer, NothingElse, described
from .points import BasketView
from .rewards import ID, LONGEST_ID, ClaimView, refusal

IN_BASKET = {
    "claims": [
        {
            "id": 42,
            "reward": "five-off",
            "name": "€5.00 off your order",
            "kind": "off",
            "off": "5.00",
            "because": {"code": "as_asked", "params": {}, "text": ""},
        }
    ],
    "currency": "EUR",
    "total": "19.90",
}
EMPTY = {"claims": [], "currency": "EUR", "total": "24.90"}


class ChosenSerializer(serializers.Serializer):
    product = serializers.IntegerField(
        required=False, min_value=1, help_text="The product’s id, where a gift is one of several."
    )

    class Meta:
        ref_name = "LoyaltyChosen"


class ChosenExtension(NothingElse):  # type: ignore[no-untyped-call]
    target_class = ChosenSerializer


class BasketClaimSerializer(serializers.Serializer):
    id = serializers.IntegerField()
    reward = serializers.CharField(help_text="The `code` of its reward.")
    name = serializers.CharField()
    kind = serializers.CharField(help_text="`off`, `delivery`, `product`; or the store’s own.")
    off = serializers.CharField(help_text="What comes off the goods for it (`5.00`); `0.00` for delivery.")
    because = BecauseSerializer(help_text="Why it is not more, or nothing; `as_asked` where there is nothing to say.")

    class Meta:
        ref_name = "LoyaltyBasketClaim"


class BasketClaimsSerializer(serializers.Serializer):
    claims = BasketClaimSerializer(many=True, help_text="The rewards that lie in your open basket.")
    currency = serializers.CharField(help_text="ISO 4217.")
    total = serializers.CharField(help_text="What the goods come to after all discounts, without shipping.")

    class Meta:
        ref_name = "LoyaltyBasketClaims"


class RewardsInBasketView(BasketView, ClaimView):
    """The customer's own open basket, with its rewards."""

    def basket(self) -> Any:
        """Return the customer's open basket. Raises `NotFound` where there is none, or none with a key yet."""
        basket = super().basket()
        if basket.pk is None:
            raise NotFound
        return basket

    def answer(self, basket: Any) -> Response:
        """Return the rewards in a basket in the shape of the API."""
        found = rewards_standing(basket=basket)
        told = [
            {
                "id": one.claim.pk,
                "reward": one.claim.reward.code,
                "name": one.claim.reward.name,
                "kind": one.claim.reward.kind,
                "off": str(one.off),
                "because": {
                    "code": one.because.code,
                    "params": one.because.params,
                    "text": sentence(because=one.because, unit=self.unit),
                },
            }
            for one in found.rewards
        ]
        whole = {"claims": told, "currency": found.currency, "total": str(found.total)}
        return Response(BasketClaimsSerializer(whole).data)


@routes.register("basket/claims")
class BasketClaimsView(RewardsInBasketView):
    """All of them."""

    @described(
        answer=BasketClaimsSerializer,
        example=IN_BASKET,
        operation_id="loyalty_basket_claims",
        summary="Rewards in your basket",
    )
    def get(self, request: Request) -> Response:
        """Return the rewards that lie in your open basket. Changes nothing."""
        return self.answer(self.basket())


@routes.register("basket/claims/<str:id>")
class BasketClaimView(RewardsInBasketView):
    """One of them."""

    @described(
        answer=BasketClaimsSerializer,
        example=IN_BASKET,
        wrong=(403, 409, 413, 415),
        operation_id="loyalty_use_claim",
        summary="Put a reward into your basket",
        request=ChosenSerializer,
        parameters=[ID],
    )
    def put(self, request: Request, id: str) -> Response:
        """Put a reward of yours into your open basket, a gift with its product."""
        claim, product_id = self.claim(id), chosen(request.data)
        basket = self.basket()
        try:
            use_in_request(request=request, claim=claim, basket=basket, product_id=product_id, at=clock.now())
        except CannotClaim as refused:
            raise refusal(refused, self.unit) from refused
        return self.answer(basket)

    @described(
        answer=BasketClaimsSerializer,
        example=EMPTY,
        wrong=(403, 409),
        operation_id="loyalty_leave_claim",
        summary="Take a reward out of your basket",
        parameters=[ID],
    )
    def delete(self, request: Request, id: str) -> Response:
        """Take a reward out of your open basket; it stays yours."""
        claim, basket = self.claim(id), self.basket()
        try:
            leave_in_request(request=request, claim=claim, basket=basket, at=clock.now())
        except CannotClaim as refused:
            raise refusal(refused, self.unit) from refused
        return self.answer(basket)


def chosen(data: Any) -> int | None:
    """Return the product of a body, None of an empty one. Raises `ValidationError` for anything else."""
    if data in ({}, None) or (hasattr(data, "keys") and not list(data.keys())):
        return None
    try:
        return whole_number(data=data, name="product", most=10**LONGEST_ID - 1)
    except ValidationError as error:
        text = pgettext("loyalty", "Send nothing, or the id of a product as %(example)s.")
        raise ValidationError(text % {"example": '{"product": 7}'}) from error
