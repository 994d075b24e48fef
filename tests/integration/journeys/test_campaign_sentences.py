"""The sentences that read a campaign back, at their boundaries."""

from datetime import date

import pytest

from loyalty_oscar.journeys.models import CampaignText
from loyalty_oscar.journeys.occasions import occasions
from loyalty_oscar.journeys.sentences import campaign_sentences
from loyalty_oscar.kernel.periods import start_of_day
from loyalty_oscar.testing.factories import ProductSetFactory, RewardFactory, SegmentFactory
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_club, day

from .deeds import a_campaign

pytestmark = pytest.mark.django_db
PROMISED = "It is promised: members know of it, and nobody is left out."
SILENT = "It says nothing of its own."
WHY = "You haven’t ordered for a while. What is the reason?"


@pytest.fixture
def unit():
    return a_club()


def reads(unit, occasion="order-placed", languages=(), **fields):
    campaign = a_campaign(unit, occasion, **{"params": {}, **fields})
    texts = [CampaignText(campaign=campaign, language=code, subject="s", body="b") for code in languages]
    return [text.replace("\xa0", " ") for text in campaign_sentences(campaign=campaign, unit=unit, texts=texts)]


class TestACampaignReads:
    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({}, "50 paws: An order that is placed; 0 paws given so far."),
            ({"delay_days": 1}, "50 paws: An order that is placed, 1 day later; 0 paws given so far."),
            ({"delay_days": 2}, "50 paws: An order that is placed, 2 days later; 0 paws given so far."),
            ({"rest_days": 1}, "…, at most once in 1 day for each member; …"),
            ({"rest_days": 90}, "…, at most once in 90 days for each member; …"),
            ({"budget": 500, "spent": 50}, "…, at most 500 paws in all; 50 paws given so far."),
            ({"most": 1}, "…, at most 1 time in all; …"),
            ({"most": 40}, "…, at most 40 times in all; …"),
            ({"least_orders": 1}, "…, for members with 1 paid order that arrived and was kept; …"),
            ({"confirmed_only": True}, "…, only with a confirmed e-mail address; …"),
            ({"starts_at": day(5, 1), "ends_at": day(6, 1)}, "…, from 1 May 2026, until 1 June 2026; …"),
            ({"ends_at": start_of_day(day=date(2026, 6, 1), zone="Europe/Berlin")}, "…, until 31 May 2026; …"),
            ({"rank": 2}, "…, for level 2 and above; …"),
            ({"points": 0}, "A letter: An order that is placed."),
        ],
    )
    def test_what_it_gives_to_whom_and_within_which_limits(self, unit, fields, said):
        first = reads(unit, languages=["en"], **fields)[0]
        begins, _dots, rest = said.partition("…")
        assert first.startswith(begins or "50 paws: An order that is placed") if _dots else first == said
        assert rest.strip("…") in first

    @pytest.mark.parametrize(
        ("occasion", "params", "said"),
        [
            ("day", {"day": 6, "month": 12}, "6 December, each year"),
            ("day", {"day": 29, "month": 2}, "29 February, each year"),
            ("surprise", {"members": 1}, "A surprise for 1 member each month, drawn by chance"),
            ("surprise", {"members": 3}, "A surprise for 3 members each month, drawn by chance"),
            ("warranty", {"sets": ["beds"], "months": 1}, "The end of a warranty, 1 month after an order of “Beds”"),
            (
                "warranty",
                {"sets": ["beds", "x"], "months": 24},
                "The end of a warranty, 24 months after an order of “Beds”, “x”",
            ),
            ("order-final", {"sets": ["beds"]}, "An order that arrived, of goods of “Beds”"),
            ("leaving", {"months": 1}, "A farewell, 1 month after the last order"),
            ("late", {}, "No order for longer than this member’s own rhythm"),
            ("of-a-store", {}, "Of a store"),
        ],
    )
    def test_what_it_is_about(self, unit, occasion, params, said):
        ProductSetFactory(code="beds", name="Beds")
        assert reads(unit, occasion, params=params)[0] == f"50 paws: {said}; 0 paws given so far."

    @pytest.mark.parametrize("occasion", [*occasions])
    def test_in_whole_sentences_whatever_it_is_about(self, unit, occasion):
        assert all(text.endswith((".", "?”")) for text in reads(unit, occasion, languages=["en"]))

    def test_for_which_level_and_group(self, unit):
        a_ladder(unit=unit)
        group = SegmentFactory(program=unit.program, name="Dog people")
        said = reads(unit, rank=3, segment=group)[0]
        assert "for level Gold and above, only for the group “Dog people”; " in said

    @pytest.mark.parametrize(("given", "said"), [(0, "0 times"), (1, "1 time"), (2, "2 times")])
    def test_how_often_a_reward_was_given(self, unit, given, said):
        reward = RewardFactory(program=unit.program, name="A spa day")
        first = reads(unit, points=0, reward=reward, given=given)[0]
        assert first == f"“A spa day”: An order that is placed; given {said} so far."

    @pytest.mark.parametrize(
        ("fields", "percent", "said"),
        [
            ({}, 10, [PROMISED]),
            ({"is_public": False}, 0, ["It is a surprise."]),
            ({"is_public": False}, 10, ["It is a surprise, and 10 % of the members never get one."]),
            ({"points": 0}, 10, []),
        ],
    )
    def test_whether_members_know_of_it(self, unit, fields, percent, said):
        unit.program.holdout_percent = percent
        assert reads(unit, **fields)[1:] == [*said, SILENT]

    @pytest.mark.parametrize(
        ("languages", "params", "said"),
        [
            ([], {}, [SILENT]),
            (["en"], {}, ["It writes in English."]),
            (["en", "de"], {}, ["It writes in English, German."]),
            (["en"], {"question": "away"}, ["It writes in English.", f"It asks: “{WHY}”"]),
            (["en"], {"question": "gone"}, ["It writes in English."]),
            (
                ["en"],
                {"related": True},
                [
                    "It writes in English.",
                    "It shows what goes with what was bought, and is not written where nothing does.",
                ],
            ),
        ],
    )  # fmt: skip
    def test_what_it_says(self, unit, languages, params, said):
        assert reads(unit, languages=languages, params=params)[2:] == said
