"""Goals: how far a member is to each."""

from __future__ import annotations

from rest_framework import serializers

from loyalty_oscar.program import clock
from loyalty_oscar.shop.journeys.goals import GoalCard, cards
from loyalty_oscar.shop.storefront.visit import Visit

from .account import PartOfMe, tell_more

GOALS = [
    {
        "code": "treat-card",
        "name": "Every tenth bag",
        "counted": 7,
        "target": 10,
        "text": "7 of 10 pieces",
        "asks": "10 pieces (Treats)",
        "reached": 1,
        "repeats": True,
        "points": 0,
        "reward": "free-bag",
        "gift": "A bag of treats",
        "until": None,
    }
]


class GoalSerializer(serializers.Serializer):
    code = serializers.CharField(source="goal.code")
    name = serializers.CharField(source="goal.name")
    counted = serializers.IntegerField(source="found.counted", help_text="How far it is to the next time.")
    target = serializers.IntegerField(source="goal.target", help_text="How far the way is; money in minor units.")
    text = serializers.CharField(source="so_far", help_text="Both in words.")
    asks = serializers.CharField(source="asked", help_text="What it asks for, in words.")
    reached = serializers.IntegerField(source="found.times", help_text="How often you reached it.")
    repeats = serializers.BooleanField(source="goal.repeats", help_text="Whether it begins anew once it is reached.")
    points = serializers.IntegerField(source="goal.points", help_text="What you get each time; 0 where it is a reward.")
    reward = serializers.CharField(
        source="reward_code", allow_null=True, help_text="The `code` of the reward in their place."
    )
    gift = serializers.CharField(help_text="What you get, in words.")
    until = serializers.DateTimeField(
        source="goal.ends_at", allow_null=True, help_text="From this instant on orders count no more."
    )

    class Meta:
        ref_name = "LoyaltyGoal"


def goals(*, visit: Visit) -> list[GoalCard]:
    """Return the goals that orders of a member count for now."""
    return cards(visit=visit, at=clock.now())


tell_more(
    name="goals",
    part=PartOfMe(serializer=GoalSerializer, help_text="What orders count for now, and how far you are.", of=goals),
    example=GOALS,
)
