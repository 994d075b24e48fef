"""Goals, how far a member is to each; and the campaigns that promise something."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.occasions import WORD, in_time
from loyalty_oscar.program import clock, words
from loyalty_oscar.program.models import Unit
from loyalty_oscar.shop.journeys.goals import GoalCard, cards
from loyalty_oscar.shop.journeys.storefront import asked
from loyalty_oscar.shop.journeys.ways import best_of, brings, promised_to
from loyalty_oscar.shop.storefront.visit import Visit

from .account import PartOfMe, tell_more
from .routes import routes
from .views import MemberView, described

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


CAMPAIGNS = {
    "campaigns": [
        {
            "code": "birthdays",
            "name": "Happy birthday",
            "occasion": "birthday",
            "text": "100 points for your birthday, if you tell us at least 30 days before.",
            "asks": ["Tell us at least 30 days before.", "1 order of yours must have arrived by then."],
            "points": 100,
            "reward": None,
            "gift": "100 points",
            "until": None,
        }
    ]
}


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


class CampaignSerializer(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField(help_text="Stands in the statement.")
    occasion = serializers.CharField(help_text="What it is for (`birthday`, `review`), or one of the store’s.")
    text = serializers.CharField(help_text="What it brings, in words.")
    asks = serializers.ListField(child=serializers.CharField(), help_text="What it asks of you, in sentences.")
    points = serializers.IntegerField(help_text="What you get; 0 where it is a reward.")
    reward = serializers.CharField(allow_null=True, help_text="The `code` of the reward in their place.")
    gift = serializers.CharField(help_text="What you get, in words.")
    until = serializers.DateTimeField(allow_null=True, help_text="From this instant on it counts no more.")

    class Meta:
        ref_name = "LoyaltyCampaign"


class CampaignsSerializer(serializers.Serializer):
    campaigns = CampaignSerializer(many=True)

    class Meta:
        ref_name = "LoyaltyCampaigns"


@routes.register("campaigns")
class CampaignsView(MemberView):
    """What brings points besides buying?"""

    @described(
        answer=CampaignsSerializer,
        example=CAMPAIGNS,
        operation_id="loyalty_campaigns",
        summary="What you are promised besides what orders earn",
    )
    def get(self, request: Request) -> Response:
        """
        Return what you are promised now. Surprises stand nowhere, and of code words nobody tells: whoever has one types
        it in the shop.
        """
        at = clock.now()
        found = [one for one in promised_to(visit=self.visit, at=at) if one.has_left and in_time(dated=one, at=at)]
        told = [one for one in best_of(campaigns=found) if one.occasion != WORD]
        return Response(CampaignsSerializer({"campaigns": [_told(one, self.unit) for one in told]}).data)


def _told(campaign: Campaign, unit: Unit) -> dict[str, Any]:
    gift = words.promised(unit=unit, row=campaign)
    return {
        "code": campaign.code,
        "name": campaign.name,
        "occasion": campaign.occasion,
        "text": brings(campaign=campaign, points=gift),
        "asks": asked(campaign),
        "points": campaign.points,
        "reward": campaign.reward.code if campaign.reward else None,
        "gift": gift,
        "until": campaign.ends_at,
    }
