"""`GET campaigns`: what is promised, in words, and nothing that is a surprise, a secret, or for somebody else."""

import pytest
from rest_framework.authtoken.models import Token

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing.factories import CampaignFactory, RewardFactory, SegmentFactory
from tests.storefront import TODAY, day

from .conftest import Api, api_of

pytestmark = pytest.mark.django_db


def told(user):
    forget_cache()
    return {one["code"]: one for one in api_of(user).get("campaigns").json()["campaigns"]}


class TestCampaigns:
    def test_are_told_in_words(self, unit, boris):
        params = {"told_days": 30}
        CampaignFactory(code="birthdays", birthday=True, points=100, params=params, least_orders=None)
        assert told(boris) == {
            "birthdays": {
                "code": "birthdays",
                "name": "Birthday",
                "occasion": "birthday",
                "text": "100\xa0paws for your birthday, if you tell us at least 30 days before.",
                "asks": ["Tell us at least 30 days before.", "1 order of yours must have arrived by then."],
                "points": 100,
                "reward": None,
                "gift": "100\xa0paws",
                "until": None,
            }
        }

    @pytest.mark.parametrize(
        ("food", "wanted"), [(50, ["all", "toys"]), (51, ["all", "food", "toys"]), (0, ["all", "toys"])]
    )
    def test_tell_each_that_counts_for_some_order(self, unit, boris, food, wanted):
        named = {"all": (50, []), "food": (food, ["food"]), "toys": (90, ["toys"]), "less": (80, ["toys"])}
        for code, (points, sets) in named.items():
            CampaignFactory(code=code, occasion="order-placed", points=points, params={"sets": sets})
        assert sorted(told(boris)) == wanted

    def test_tell_the_reward_by_its_code(self, unit, boris):
        reward = RewardFactory(code="spa", name="A day at the spa")
        CampaignFactory(code="gift", review=True, points=0, reward=reward, ends_at=day(6, 1))
        found = told(boris)["gift"]
        assert (found["points"], found["reward"], found["gift"]) == (0, "spa", "“A day at the spa”")
        assert found["until"].startswith("2026-06-01")

    @pytest.mark.parametrize(
        "fields",
        [
            {"is_public": False},
            {"is_on": False},
            {"points": 0},
            {"starts_at": day(6, 1)},
            {"ends_at": TODAY},
            {"budget": 40},
            {"most": 3, "given": 3},
            {"occasion": "word", "word": "summer26"},
            {"rank": 1},
            {"segment": True},
        ],
    )
    def test_are_not_told_where_nothing_is_promised_to_this_member(self, unit, boris, fields):
        if "segment" in fields:
            fields = {"segment": SegmentFactory()}
        CampaignFactory(**{"occasion": "review", "points": 50, **fields})
        assert told(boris) == {}

    def test_are_told_to_who_is_in_their_segment(self, unit, boris, ada):
        segment = SegmentFactory(members=[Member.objects.get(user=boris)], members__at=day(1, 1))
        CampaignFactory(code="own", review=True, segment=segment)
        assert ("own" in told(boris), "own" in told(ada)) == (True, False)

    def test_of_one_occasion_are_the_one_that_gives_most(self, unit, boris):
        for points in (20, 80):
            CampaignFactory(code=f"review-{points}", review=True, points=points)
        for day_of_year in (6, 24):
            params = {"day": day_of_year, "month": 12}
            CampaignFactory(code=f"day-{day_of_year}", occasion="day", params=params)
        assert {*told(boris)} == {"review-80", "day-6", "day-24"}

    def test_are_told_to_members_alone(self, unit):
        assert Api().get("campaigns").status_code == 401

    def test_take_no_query_more_the_more_there_are(self, unit, boris, django_assert_num_queries):
        token = Token.objects.get_or_create(user=boris)[0].key
        counts = []
        for number in range(3):
            CampaignFactory(code=f"c{number}", occasion="day", params={"day": 6, "month": 1 + number})
            forget_cache()
            Api(token=token).get("campaigns")
            with django_assert_num_queries(1):
                counts.append(len(Api(token=token).get("campaigns").json()["campaigns"]))
        assert counts == [1, 2, 3]
