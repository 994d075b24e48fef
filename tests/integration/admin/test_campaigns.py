"""Campaigns in the admin: set up, read back, never more given than the budget says."""

import re

import pytest
import segno
from django.urls import reverse

from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.operations import act
from loyalty_oscar.program import clock
from loyalty_oscar.testing.factories import ProgramFactory, RewardFactory
from tests.integration.journeys.deeds import a_campaign, a_member, has
from tests.storefront import text_of

ADD = reverse("admin:loyalty_journeys_campaign_add")


def page(campaign):
    return reverse("admin:loyalty_journeys_campaign_change", args=[campaign.pk])


def typed(unit, **fields):
    """What a merchant types; a moment is two fields."""
    data = {
        "program": unit.program_id,
        "occasion": "review",
        "name": "A review",
        "code": "",
        "points": "50",
        "is_on": "on",
    }
    empty = {f"{name}_{n}": "" for name in ("starts_at", "ends_at") for n in (0, 1)}
    return {**data, **empty, "word": "", "budget": "", "told_days": "30", "least_orders": "", **fields}


def errors(response):
    return {name: said[0] for name, said in response.context["adminform"].form.errors.items()}


class TestACampaignInTheAdmin:
    def test_is_set_up_and_read_back(self, root, unit):
        root.post(ADD, typed(unit, budget="500"))
        campaign = Campaign.objects.get()

        assert (campaign.code, campaign.points, campaign.budget, campaign.occasion) == ("a-review", 50, 500, "review")
        text = text_of(root.get(page(campaign)))
        assert "50 paws: A review that is shown, by somebody who bought the product" in text
        assert "product, at most 500 paws in all; 0 paws given so far." in text
        assert "A review" in text_of(root.get(reverse("admin:loyalty_journeys_campaign_changelist")))

    def test_asks_for_a_code_where_the_name_gives_none(self, root, unit):
        assert errors(root.post(ADD, typed(unit, name="Отзыв"))) == {
            "code": "None can be made from this name. Write one."
        }
        assert root.post(ADD, typed(unit, name="Отзыв", code="otzyv")).status_code == 302

    def test_gives_a_reward_in_place_of_points(self, root, unit):
        reward = RewardFactory(program=unit.program, name="A grooming")
        root.post(ADD, typed(unit, points="", reward=str(reward.pk), most="20"))
        campaign = Campaign.objects.get()

        assert (campaign.points, campaign.reward, campaign.most) == (0, reward, 20)
        said = text_of(root.get(page(campaign)))
        assert "“A grooming”: A review that is shown, by somebody who bought the product, at most 20 times" in said
        assert "given 0 times so far." in said
        assert "A grooming" in text_of(root.get(reverse("admin:loyalty_journeys_campaign_changelist")))

    @pytest.mark.parametrize(
        ("fields", "field", "says"),
        [
            ({"points": ""}, "points", "How much, or which reward?"),
            ({"points": "5", "reward": "own"}, "points", "Say how much or choose a reward, not both."),
            ({"points": "", "reward": "other"}, "reward", "That reward is of another program."),
            ({"points": "", "reward": "own", "budget": "5"}, "budget", "A reward is given so many times."),
            ({"most": "0"}, "most", "greater than or equal to 1"),
        ],
    )
    def test_says_what_does_not_fit_a_reward(self, root, unit, fields, field, says):
        other = RewardFactory(program=ProgramFactory(code="other", is_default=False))
        rewards = {"own": str(RewardFactory(program=unit.program).pk), "other": str(other.pk)}
        data = {**fields, **({"reward": rewards[fields["reward"]]} if "reward" in fields else {})}
        assert says in errors(root.post(ADD, typed(unit, **data)))[field]
        assert not Campaign.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "says"),
        [
            (
                {"occasion": "birthday"},
                "A birthday, once a year, told at least 30 days before, for members with 1 paid order that arrived and",
            ),
            ({"occasion": "birthday", "told_days": "0", "least_orders": "0"}, "50 paws: A birthday, once a year;"),
            (
                {"occasion": "birthday", "told_days": "1", "least_orders": "3"},
                "told at least 1 day before, for members with 3 paid orders that arrived and were kept;",
            ),
            (
                {"occasion": "word", "word": "woof24", "confirmed_only": "on"},
                "The code word “woof24”, typed or by a QR code, only with a confirmed e-mail address;",
            ),
        ],
    )
    def test_reads_back_for_whom_it_is(self, root, unit, fields, says):
        root.post(ADD, typed(unit, **fields))
        assert says in text_of(root.get(page(Campaign.objects.get())))

    @pytest.mark.parametrize("fields", [{"told_days": "366"}, {"told_days": "-1"}, {"least_orders": "51"}])
    def test_asks_for_nothing_that_nobody_can_do(self, root, unit, fields):
        assert list(errors(root.post(ADD, typed(unit, **fields)))) == list(fields)

    def test_with_a_word_keeps_it_folded_and_shows_the_address_for_a_qr_code(self, root, unit):
        root.post(ADD, typed(unit, occasion="word", word="Summer-26", name="Summer"))
        campaign = Campaign.objects.get()

        assert campaign.word == "summer26"
        response = root.get(page(campaign))
        address = re.search(r"http://\S+/loyalty/word/summer26/", text_of(response)).group()
        drawn = segno.make(address, error="m", micro=False).svg_inline(scale=5, border=4)
        assert drawn in response.content.decode()

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"occasion": "word"}, "word"),
            ({"occasion": "word", "word": "abc"}, "word"),
            ({"occasion": "word", "word": "- -"}, "word"),
            ({"word": "summer"}, "word"),
            ({"occasion": "juggling"}, "occasion"),
            ({"points": "0"}, "points"),
            ({"points": "-5"}, "points"),
            ({"budget": "-1"}, "budget"),
            (
                {
                    "starts_at_0": "2026-05-06",
                    "starts_at_1": "10:00",
                    "ends_at_0": "2026-05-06",
                    "ends_at_1": "10:00",
                },
                "ends_at",
            ),
        ],
    )
    def test_that_makes_no_sense_is_refused(self, root, unit, fields, field):
        response = root.post(ADD, typed(unit, **fields))

        assert list(errors(response)) == [field]
        assert not Campaign.objects.exists()

    def test_takes_a_word_once(self, root, unit):
        a_campaign(unit, "word", word="summer")
        root.post(ADD, typed(unit, occasion="word", word="SUMMER", name="Again"))

        assert Campaign.objects.count() == 1

    def test_takes_no_budget_below_what_was_given(self, root, unit):
        campaign = a_campaign(unit, spent=120)
        response = root.post(page(campaign), typed(unit, budget="100"))

        assert errors(response) == {"budget": "120 have been given already."}
        campaign.refresh_from_db()
        assert campaign.budget is None

    @pytest.mark.parametrize(("given", "most", "said"), [(1, 1, "1 time"), (3, 3, "3 times"), (3, 2, "3 times")])
    def test_takes_no_more_times_than_it_was_given_already(self, root, unit, given, most, said):
        campaign = a_campaign(unit, given=given)
        data = {name: value for name, value in typed(unit, most=str(most)).items() if name not in ("program", "code")}
        assert errors(root.post(page(campaign), data)) == {
            "most": f"It was given {said} already. Write more, or switch it off."
        }
        assert root.post(page(campaign), {**data, "most": str(given + 1)}).status_code == 302
        Campaign.objects.update(most=given)
        assert root.post(page(campaign), {**data, "most": str(given), "name": "Other"}).status_code == 302

    def test_saved_while_points_are_given_keeps_count(self, root, unit):
        campaign = a_campaign(unit, spent=50)
        Campaign.objects.update(spent=100)
        root.post(page(campaign), typed(unit, name="Another name"))

        campaign.refresh_from_db()
        assert (campaign.name, campaign.spent) == ("Another name", 100)

    def test_lets_staff_take_points_back_for_good(self, root, unit):
        a_campaign(unit, "sign-up")
        member, told = a_member(unit), {"program": unit.program, "occasion": "sign-up", "at": clock.now()}
        act(user_id=member.user_id, **told)
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": [Occurrence.objects.get().pk]}
        asked = text_of(root.post(rows, data))
        assert "Up to 50 paws of 1 member." in asked and "There is no way back." in asked
        assert has(member) == (50, 0)
        data["confirmed"] = "yes"

        assert "Taken back: 50 paws." in text_of(root.post(rows, data, follow=True))
        assert act(user_id=member.user_id, **told) is None
        assert has(member) == (0, 0)

    def test_lets_nobody_take_points_back_who_may_only_look(self, staff, unit):
        a_campaign(unit, "sign-up")
        member = a_member(unit)
        act(program=unit.program, user_id=member.user_id, occasion="sign-up", at=clock.now())
        _user, client = staff("loyalty_journeys.view_occurrence")
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        data = {"action": "take_back", "_selected_action": [Occurrence.objects.get().pk], "confirmed": "yes"}
        client.post(rows, data)

        assert has(member) == (50, 0)

    def test_is_switched_off_and_deleted_only_as_long_as_it_gave_nothing(self, root, unit):
        campaign = a_campaign(unit, "sign-up")
        page = reverse("admin:loyalty_journeys_campaign_delete", args=[campaign.pk])
        member = a_member(unit)
        act(program=unit.program, user_id=member.user_id, occasion="sign-up", at=clock.now())
        assert root.post(page, {"post": "yes"}).status_code == 403
        assert Campaign.objects.exists()
        Occurrence.objects.all().delete()
        assert root.post(page, {"post": "yes"}).status_code == 302
        assert not Campaign.objects.exists()
