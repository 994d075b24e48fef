"""What a member has, and how it came to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar.kernel.rounding import to_major, worth_minor
from loyalty_oscar.ledger.models import Kind
from loyalty_oscar.ledger.queries import expiring
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import PointWorth
from loyalty_oscar.program.money import exponent
from loyalty_oscar.program.worth import rate_of
from loyalty_oscar.shop.storefront.entries import entries_of

from .routes import routes
from .views import BecauseSerializer, MemberView, described

#: Entries on one page.
PAGE = 50
ME: dict[str, Any] = {
    "ready": 1250,
    "set_aside": 317,
    "on_the_way": 128,
    "to_make_up": 0,
    "frozen": False,
    "worth": "12.50",
    "currency": "EUR",
    "is_money": False,
    "expiring": [{"points": 300, "at": "2027-05-31T22:00:00Z"}],
}
ENTRIES = {
    "next": "https://shop.example/loyalty/api/entries?before=17",
    "entries": [
        {
            "seq": 17,
            "at": "2026-05-06T10:00:00Z",
            "kind": "capture",
            "points": -500,
            "on_the_way": 0,
            "ready_after": 1250,
            "set_aside_after": 0,
            "because": {
                "code": "order_paid",
                "params": {"order": 42, "number": "100042"},
                "text": "Used for order 100042",
            },
            "order": "100042",
        }
    ],
}


class ExpiringSerializer(serializers.Serializer):
    points = serializers.IntegerField()
    at = serializers.DateTimeField(help_text="From this instant on they are gone.")

    class Meta:
        ref_name = "LoyaltyExpiring"


@dataclass(frozen=True, kw_only=True, slots=True)
class PartOfMe:
    """What a feature tells of a member beside the points: as a serializer describes it, by a visit."""

    serializer: type[serializers.Serializer]
    help_text: str
    of: Callable[..., Any]


_parts: dict[str, PartOfMe] = {}


def tell_more(*, name: str, part: PartOfMe, example: Any) -> None:
    """Have `GET me` tell of a list more, under a name; where the feature is not there, nothing does."""
    _parts[name] = part
    ME[name] = example


class MeSerializer(serializers.Serializer):
    ready = serializers.IntegerField(help_text="Points that can be used, without those set aside.")
    set_aside = serializers.IntegerField(help_text="Points that baskets use; no longer ready, and not used yet.")
    on_the_way = serializers.IntegerField()
    to_make_up = serializers.IntegerField(help_text="Points that the next ones make up for.")
    frozen = serializers.BooleanField(help_text="Whether staff stopped their use for now: ask the shop.")
    worth = serializers.CharField(allow_null=True, help_text="What the ready ones buy (`12.50`).")
    currency = serializers.CharField(allow_null=True, help_text="ISO 4217; null where no worth is set.")
    is_money = serializers.BooleanField(
        help_text="Whether all numbers are in the smallest coin of the program's currency, to be shown as money."
    )
    expiring = ExpiringSerializer(many=True, help_text="What runs out, soonest first.")

    class Meta:
        ref_name = "LoyaltyMe"

    def get_fields(self) -> dict[str, Any]:
        more = {name: part.serializer(many=True, help_text=part.help_text) for name, part in _parts.items()}
        return {**super().get_fields(), **more}


class EntrySerializer(serializers.Serializer):
    seq = serializers.IntegerField(help_text="Counts the entries of the account.")
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=Kind.values)
    points = serializers.IntegerField(help_text="Change of all that is not on the way. They add up.")
    on_the_way = serializers.IntegerField(help_text="Change of what is on the way. They add up too.")
    ready_after = serializers.IntegerField(help_text="What was ready afterwards, without what was set aside then.")
    set_aside_after = serializers.IntegerField(help_text="What was set aside for baskets then.")
    because = serializers.SerializerMethodField()
    order = serializers.CharField(allow_null=True, help_text="Number of the order that it speaks of.")

    class Meta:
        ref_name = "LoyaltyEntry"

    @extend_schema_field(BecauseSerializer)
    def get_because(self, told: Any) -> dict[str, Any]:
        return {"code": told.because.code, "params": told.because.params, "text": told.text}


class EntriesSerializer(serializers.Serializer):
    next = serializers.URLField(allow_null=True, help_text="Where older entries are; null at the end.")
    entries = EntrySerializer(many=True)

    class Meta:
        ref_name = "LoyaltyEntries"


def _worth(points: int, rate: PointWorth) -> str:
    minor = worth_minor(points=points, per_points=rate.points, minor=rate.minor)
    return str(to_major(minor=minor, exponent=exponent(currency=rate.currency)))


@routes.register("me")
class MeView(MemberView):
    """What do I have?"""

    @described(answer=MeSerializer, example=ME, operation_id="loyalty_me", summary="What you have")
    def get(self, request: Request) -> Response:
        """Return what is ready, on the way and to be made up, what it is worth, and what runs out."""
        account, rate = self.visit.account, rate_of(unit=self.unit)
        ready = account.available if account else 0
        soon = expiring(account_id=account.pk, at=clock.now()) if account else []
        found = {
            "ready": ready,
            "set_aside": account.reserved if account else 0,
            "on_the_way": account.pending if account else 0,
            "to_make_up": account.debt if account else 0,
            "frozen": self.visit.is_frozen,
            "worth": rate and _worth(ready, rate),
            "currency": rate and rate.currency,
            "is_money": self.unit.is_money,
            "expiring": [{"points": row.points, "at": row.expires_at} for row in soon],
            **{name: part.of(visit=self.visit) for name, part in _parts.items()},
        }
        return Response(MeSerializer(found).data)


@routes.register("entries")
class EntriesView(MemberView):
    """How did it come to be?"""

    parameter = "before"

    @described(
        answer=EntriesSerializer,
        example=ENTRIES,
        operation_id="loyalty_entries",
        summary="Why you have it",
        parameters=[
            OpenApiParameter(
                "before",
                {"type": "integer", "minimum": 0, "maximum": 10**18 - 1},
                description="Entries older than this `seq`; `next` has it.",
            )
        ],
    )
    def get(self, request: Request) -> Response:
        """Return what changed, newest first, a page at a time."""
        account = self.visit.account
        told, before = entries_of(account=account, before=self.number, limit=PAGE) if account else ([], None)
        onward = self.onward(f"before={before}") if before else None
        return Response(EntriesSerializer({"next": onward, "entries": told}).data)
