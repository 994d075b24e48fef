"""Rewards: what there is, having one for points, what one has, the code of one, and asking the shop for one."""

from __future__ import annotations

import re
from typing import Any

from django.core.validators import slug_re
from django.utils.translation import pgettext
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.kernel.rounding import to_major
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Reward, Unit
from loyalty_oscar.program.money import exponent
from loyalty_oscar.redemption.claims import claims_of
from loyalty_oscar.redemption.currencies import AMOUNTS, by_currency
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import CannotClaim, ask, buy, show_code
from loyalty_oscar.redemption.operations.claims import LONGEST_TEXT
from loyalty_oscar.redemption.words import sentence
from loyalty_oscar.shop.redemption.rewards.storefront import NOT_FOR_YOU, RewardCard, cards
from loyalty_oscar.shop.storefront.visit import joined

from ..routes import routes
from ..strict import WORDS, LongerJSON, is_whole
from ..views import BecauseSerializer, Conflict, MemberView, NothingElse, described
from .points import MOST_POINTS

#: Claims on one page, and digits of the `id` of one at most.
PAGE, LONGEST_ID = 50, 18
#: What a client makes up for each reward that it wants, and sends again with each try.
KEY = r"^[!-~]{1,64}$"
AMOUNTS_HELP = "For each currency in which it can be used; empty: in every one, or it is for no basket."
REWARDS = {
    "rewards": [
        {
            "code": "spa-day",
            "name": "A day at the spa",
            "text": "For one dog, with lunch.",
            "picture": "https://shop.example/media/loyalty/rewards/spa.jpg",
            "kind": "code",
            "points": 500,
            "left": 7,
            "until": None,
            "good_for_days": 90,
            "amounts": [],
            "asks": "",
            "can_be_had": False,
            "because": {"code": "reward_points_missing", "params": {"points": 12}, "text": "You need 12 points more."},
        }
    ]
}
CLAIM = {
    "id": 42,
    "reward": "spa-day",
    "name": "A day at the spa",
    "kind": "code",
    "state": "open",
    "points": 500,
    "since": "2026-05-06T12:00:00+02:00",
    "until": "2026-08-04T12:00:00+02:00",
    "amounts": [],
    "text": "",
    "code": None,
    "where": "At spa.example, in the field “voucher”.",
    "because": {
        "code": "reward_bought",
        "params": {"name": "A day at the spa"},
        "text": "Used for the reward “A day at the spa”",
    },
}
SHOWN = {
    **CLAIM,
    "state": "used",
    "code": "SPA-7QK2",
    "because": {
        "code": "claim_used",
        "params": {"name": "A day at the spa"},
        "text": "You had “A day at the spa”",
    },
}
ASKED = {
    **CLAIM,
    "reward": "grooming",
    "name": "A grooming",
    "kind": "service",
    "state": "asked",
    "points": 0,
    "text": "Tuesday would suit us.",
    "where": "",
    "because": {
        "code": "claim_asked",
        "params": {"name": "A grooming"},
        "text": "Asked for: “A grooming”",
    },
}
CLAIMS = {"next": "https://shop.example/loyalty/api/claims?before=42", "claims": [CLAIM]}


class AmountsSerializer(serializers.Serializer):
    currency = serializers.CharField(help_text="ISO 4217.")
    amount = serializers.CharField(allow_null=True, help_text="What it takes off (`5.00`).")
    most = serializers.CharField(allow_null=True, help_text="What it takes off at most.")
    least = serializers.CharField(allow_null=True, help_text="What the goods of a basket must cost.")

    class Meta:
        ref_name = "LoyaltyRewardAmounts"


class RewardSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="Names it in addresses.")
    name = serializers.CharField()
    text = serializers.CharField(allow_blank=True)
    picture = serializers.URLField(allow_null=True)
    kind = serializers.CharField(help_text="`service`: the shop does it; `code`: a partner’s code; or the store’s own.")
    points = serializers.IntegerField(help_text="What it costs.")
    left = serializers.IntegerField(allow_null=True, help_text="How many there are still; null where that is many.")
    until = serializers.DateTimeField(allow_null=True, help_text="From this instant on it cannot be had any more.")
    good_for_days = serializers.IntegerField(allow_null=True, help_text="For how long; null: without an end.")
    amounts = AmountsSerializer(many=True, help_text=AMOUNTS_HELP)
    asks = serializers.CharField(
        allow_blank=True, help_text="What the shop asks whoever takes it; the answer is `text`."
    )
    can_be_had = serializers.BooleanField(help_text="Whether you can have it now.")
    because = BecauseSerializer(allow_null=True, help_text="Why not; null where you can.")

    class Meta:
        ref_name = "LoyaltyReward"


class RewardsSerializer(serializers.Serializer):
    rewards = RewardSerializer(many=True, help_text="The cheapest first.")

    class Meta:
        ref_name = "LoyaltyRewards"


class ClaimSerializer(serializers.Serializer):
    id = serializers.IntegerField(help_text="Names it in addresses.")
    reward = serializers.CharField(help_text="The `code` of its reward.")
    name = serializers.CharField()
    kind = serializers.CharField()
    state = serializers.ChoiceField(
        choices=Claim.State.values,
        help_text="`waits`, `open` (can be used), `asked` (the shop is at it), `used`, `over` (run out), `back`.",
    )
    points = serializers.IntegerField(help_text="What was paid for it.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField(allow_null=True, help_text="Until when it is good; null: without an end.")
    amounts = AmountsSerializer(many=True, help_text=AMOUNTS_HELP)
    text = serializers.CharField(allow_blank=True, help_text="What you wrote to the shop about it.")
    code = serializers.CharField(allow_null=True, help_text="The partner’s code; null until it was shown.")
    where = serializers.CharField(allow_blank=True, help_text="Where the code can be used.")
    because = BecauseSerializer(help_text="How it came to be in this state.")

    class Meta:
        ref_name = "LoyaltyClaim"


class ClaimsSerializer(serializers.Serializer):
    next = serializers.URLField(allow_null=True, help_text="Where older ones are; null at the end.")
    claims = ClaimSerializer(many=True)

    class Meta:
        ref_name = "LoyaltyClaims"


class WantedSerializer(serializers.Serializer):
    text = serializers.RegexField(
        WORDS, required=False, allow_blank=True, max_length=LONGEST_TEXT, help_text="What you say to the shop about it."
    )

    class Meta:
        ref_name = "LoyaltyWanted"


class WantedExtension(NothingElse):  # type: ignore[no-untyped-call]
    target_class = WantedSerializer


class TakenSerializer(WantedSerializer):
    points = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=MOST_POINTS,
        help_text="For how many it was shown to the customer: where it costs more by now, nothing is taken.",
    )

    class Meta:
        ref_name = "LoyaltyTaken"


class TakenExtension(NothingElse):  # type: ignore[no-untyped-call]
    target_class = TakenSerializer


@routes.register("rewards")
class CatalogueView(MemberView):
    """What can I have?"""

    @described(answer=RewardsSerializer, example=REWARDS, operation_id="loyalty_rewards", summary="What you can have")
    def get(self, request: Request) -> Response:
        """Return the rewards that cost points, and whether you can have each."""
        found = cards(visit=self.visit, at=clock.now())
        return Response(RewardsSerializer({"rewards": [self.told(card) for card in found]}).data)

    def told(self, card: RewardCard) -> dict[str, Any]:
        """Return a card of the catalogue in the shape of the API."""
        reward = card.reward
        return {
            "code": reward.code,
            "name": reward.name,
            "text": reward.text,
            "picture": self.request.build_absolute_uri(reward.picture.url) if reward.picture else None,
            "kind": reward.kind,
            "points": reward.price,
            "left": card.few,
            "until": reward.ends_at,
            "good_for_days": reward.valid_days,
            "amounts": amounts_of(reward, self.unit),
            "asks": card.asks,
            "can_be_had": card.can_be_had,
            "because": card.refused and because_of(card.refused, self.unit),
        }


def because_of(because: Because, unit: Unit) -> dict[str, Any]:
    """Return a reason in the shape of the API."""
    return {"code": because.code, "params": because.params, "text": sentence(because=because, unit=unit)}


def amounts_of(reward: Reward, unit: Unit) -> list[dict[str, Any]]:
    """Return the amounts of a reward by currency in the shape of the API; none where it names none."""
    rows = by_currency(params=reward.params, own=unit.program.currency)
    if not any(row.get(name) for row in rows.values() for name in AMOUNTS):
        return []
    return [
        {"currency": currency, **{name: _amount(row.get(name), currency) for name in AMOUNTS}}
        for currency, row in rows.items()
    ]


def _amount(minor: int | None, currency: str) -> str | None:
    return str(to_major(minor=minor, exponent=exponent(currency=currency))) if minor else None


@routes.register("rewards/<str:code>/claims")
class TakeRewardView(MemberView):
    """Have a reward."""

    parser_classes = [LongerJSON]

    @described(
        answer=ClaimSerializer,
        example=CLAIM,
        wrong=(403, 409, 413, 415),
        operation_id="loyalty_claim_reward",
        summary="Have a reward",
        request=TakenSerializer,
        parameters=[
            OpenApiParameter("code", {"type": "string"}, OpenApiParameter.PATH, description="The reward’s `code`."),
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "pattern": KEY},
                OpenApiParameter.HEADER,
                required=True,
                description="What you make up for this one; sent again, nothing is paid twice.",
            ),
        ],
    )
    def post(self, request: Request, code: str) -> Response:
        """Take the reward for its points, for no more than were shown, once for each key."""
        key, at = self.key(), clock.now()
        shown, rest = shown_points(request.data)
        text = wanted_text(rest)
        there = Reward.objects.filter(program=self.unit.program_id, code=code, price__isnull=False)
        reward = there.first() if slug_re.match(code) else None  # PostgreSQL refuses to look for some texts.
        member = joined(visit=self.visit, at=at) if reward else None
        if reward is None or member is None:
            raise NotFound
        try:
            claim = buy(reward=reward, member=member, key=key, at=at, text=text, shown=shown)
        except CannotClaim as refused:
            if reward.segment_id and refused.because.code == NOT_FOR_YOU:
                raise NotFound from refused  # Nobody is told of what is for a group that they are not in.
            raise refusal(refused, self.unit) from refused
        if claim.reward_id != reward.pk:
            text = pgettext("loyalty", "This key was used for another reward.")
            raise Conflict(text, code="key_used")
        return Response(ClaimSerializer(told_of(claim, self.unit)).data)

    def key(self) -> str:
        """Return the key of the request. Raises `ValidationError` where it is missing or none."""
        found = self.request.headers.get("Idempotency-Key", "")
        if not re.fullmatch(KEY, found):
            text = pgettext("loyalty", "Send a header Idempotency-Key of 1 to 64 printable characters without blanks.")
            raise ValidationError(text)
        return found


def refusal(refused: CannotClaim, unit: Unit) -> Conflict:
    """Return an answer that says why a reward cannot be had, or not be used."""
    return Conflict(sentence(because=refused.because, unit=unit), code=refused.because.code)


def shown_points(data: Any) -> tuple[int | None, Any]:
    """
    Return for how many points a reward was shown, as a body may say (`{"points": 500, …}`), and what else the body
    says. Raises `ValidationError`.
    """
    if not isinstance(data, dict) or "points" not in data:
        return None, data
    points = data["points"]
    if not is_whole(points, most=MOST_POINTS):
        text = pgettext(
            "loyalty", "Send points as they were shown, a JSON integer from 1 to %(most)d, or leave them out."
        )
        raise ValidationError(text % {"most": MOST_POINTS})
    return points, {name: value for name, value in data.items() if name != "points"}


def wanted_text(data: Any) -> str:
    """Return the text of a body `{"text": …}`, which may be missing. Raises `ValidationError`."""
    wanted = WantedSerializer(data=data if isinstance(data, dict) else None)
    is_meant = isinstance(data, dict) and set(data) <= {"text"} and isinstance(data.get("text", ""), str)
    if not is_meant or not wanted.is_valid():
        text = pgettext("loyalty", "Send %(example)s, a text of at most %(most)d characters, and nothing else.")
        raise ValidationError(text % {"example": '{"text": "…"}', "most": LONGEST_TEXT})
    return str(wanted.validated_data.get("text", ""))


def told_of(claim: Claim, unit: Unit) -> dict[str, Any]:
    """Return what a member has in the shape of the API; its code once it was shown."""
    is_shown = claim.state == Claim.State.USED and hasattr(claim, "code")
    return {
        "id": claim.pk,
        "reward": claim.reward.code,
        "name": claim.reward.name,
        "kind": claim.reward.kind,
        "state": claim.state,
        "points": claim.paid,
        "since": claim.got_at,
        "until": claim.valid_until,
        "amounts": amounts_of(claim.reward, unit),
        "text": claim.text,
        "code": claim.code.code if is_shown else None,
        "where": str(claim.reward.params.get("where", "")),
        "because": because_of(Because.from_json(claim.because), unit),
    }


@routes.register("claims")
class ClaimsView(MemberView):
    """What do I have of rewards?"""

    parameter = "before"

    @described(
        answer=ClaimsSerializer,
        example=CLAIMS,
        operation_id="loyalty_claims",
        summary="Your rewards",
        parameters=[
            OpenApiParameter(
                "before",
                {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
                description="Those older than this `id`; `next` has it.",
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Return the rewards that you have and had, newest first, a page at a time."""
        member = self.visit.member
        rows = claims_of(member_id=member.pk).order_by("-pk") if member else Claim.objects.none()
        rows = rows.filter(pk__lt=self.number) if self.number is not None else rows
        found = list(rows[: PAGE + 1])
        onward = self.onward(f"before={found[PAGE - 1].pk}") if len(found) > PAGE else None
        told = [told_of(claim, self.unit) for claim in found[:PAGE]]
        return Response(ClaimsSerializer({"next": onward, "claims": told}).data)


#: The part of an address that names one's own reward.
ID = OpenApiParameter("id", {"type": "string"}, OpenApiParameter.PATH, description="The `id` of your reward.")


class ClaimView(MemberView):
    """One reward of the customer's."""

    def claim(self, id: str) -> Claim:
        """Return a reward of the customer's. Raises `NotFound` for all others."""
        member, is_number = self.visit.member, id.isascii() and id.isdigit() and len(id) <= LONGEST_ID
        found = claims_of(member_id=member.pk).filter(pk=id).first() if member and is_number else None
        if found is None:
            raise NotFound
        return found


@routes.register("claims/<str:id>/code")
class CodeView(ClaimView):
    """The code of a reward."""

    @described(
        answer=ClaimSerializer,
        example=SHOWN,
        wrong=(403, 409),
        operation_id="loyalty_show_code",
        summary="See a code",
        request=None,
        parameters=[ID],
    )
    def post(self, request: Request, id: str) -> Response:
        """Show the code of a reward that you have; from then on it is used."""
        claim = self.claim(id)
        try:
            code = show_code(claim=claim, at=clock.now())
        except CannotClaim as refused:
            raise refusal(refused, self.unit) from refused
        if not code:
            raise Conflict(pgettext("loyalty", "There is no code for this reward now."), code="no_code")
        return Response(ClaimSerializer(told_of(self.claim(id), self.unit)).data)


@routes.register("claims/<str:id>/ask")
class AskView(ClaimView):
    """Ask the shop for a reward."""

    parser_classes = [LongerJSON]

    @described(
        answer=ClaimSerializer,
        example=ASKED,
        wrong=(403, 409, 413, 415),
        operation_id="loyalty_ask_for_claim",
        summary="Use a reward that the shop hands out",
        request=WantedSerializer,
        parameters=[ID],
    )
    def post(self, request: Request, id: str) -> Response:
        """Ask the shop to do its part of a reward that you have, such as a gift; asked again, nothing changes."""
        text, claim = wanted_text(request.data), self.claim(id)
        try:
            ask(claim=claim, text=text, at=clock.now())
        except CannotClaim as refused:
            raise refusal(refused, self.unit) from refused
        except NotAllowed as refused:
            text = pgettext("loyalty", "The shop can’t be asked for this reward now.")
            raise Conflict(text, code="not_to_ask") from refused
        return Response(ClaimSerializer(told_of(self.claim(id), self.unit)).data)
