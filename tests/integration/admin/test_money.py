"""A program whose points are cents: staff type and read amounts wherever others type and read points."""

import re

import pytest
from django.urls import reverse
from django.utils.translation import override

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.rules import Multiplier, PerAmount, PerUnit
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.journeys.operations import act
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Unit
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.tiers.models import Ladder, Tier
from tests.integration.journeys.deeds import a_member
from tests.integration.tiers.test_admin import form as of_a_ladder
from tests.once import a_program
from tests.points import give
from tests.storefront import a_user, text_of

from . import test_campaigns, test_referrals, test_rules, test_using
from .test_sentences import read


@pytest.fixture
def cashback(unit):
    """The program of the desk, with nothing given yet."""
    Unit.objects.update(is_money=True)
    return Unit.objects.select_related("program").get()


def values(response):
    """What stands in the fields of a page, by their names."""
    tags = re.findall(r"<input[^>]*>", response.content.decode())
    pairs = ((re.search(r' name="([^"]*)"', tag), re.search(r' value="([^"]*)"', tag)) for tag in tags)
    return {name[1]: value[1] for name, value in pairs if name and value}


def a_share(points, step, currency="EUR"):
    return PerAmount(currency=currency, points=points, step_minor=step)


def last_page(root, model):
    """The page of the row that was just saved."""
    row = model.objects.latest("pk")
    return root.get(reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk]))


class TestARule:
    def typed(self, root, unit, kind, **fields):
        data = test_rules.typed(unit=unit.pk, name="Cash", **fields)
        response = root.post(f"{test_rules.ADD}?type={kind}", data)
        assert response.status_code == 302, response.context["errors"]
        return Rule.objects.get(code="cash").versions.get().params["points"]

    def test_of_points_takes_and_shows_an_amount(self, root, cashback):
        assert self.typed(root, cashback, "first-order", p_points="2.50") == 250
        page = last_page(root, Rule)
        assert values(page)["p_points"] == "2.50"
        assert "€2.50 for the first order" in text_of(page)

    def test_of_a_share_reads_as_a_percentage(self, root, cashback):
        assert self.typed(root, cashback, "per-amount", p_percent="2") == 2
        page = last_page(root, Rule)
        assert values(page)["p_percent"] == "2.00"
        assert "2 % back, on everything." in text_of(page).replace("\xa0", " ")

    def test_refuses_what_is_no_amount_beside_its_field(self, root, cashback):
        data = test_rules.typed(unit=cashback.pk, p_points="2.505")
        response = root.post(f"{test_rules.ADD}?type=first-order", data)
        assert list(response.context["adminform"].form.errors) == ["p_points"]
        assert Rule.objects.count() == 1

    def test_goes_by_the_unit_that_is_chosen(self, root, cashback):
        other = a_program(code="other", is_default=False)
        assert self.typed(root, other, "first-order", p_points="250") == 250
        assert "250 paws for the first order" in text_of(last_page(root, Rule)).replace("\xa0", " ")


class TestTheSentenceOfARule:
    @pytest.mark.parametrize(
        ("points", "step", "says"),
        [
            (1, 100, "1 % back, on everything."),
            (25, 1000, "2.5 % back, on everything."),
            (1, 10_000, "0.01 % back, on everything."),
            (1, 300, "€0.01 for each €3.00, on everything."),
        ],
    )
    def test_says_a_share_of_money_where_that_is_exact(self, cashback, points, step, says):
        assert read(cashback, a_share(points, step)) == says

    def test_says_no_share_of_another_currency_or_of_full_steps(self, cashback):
        assert read(cashback, a_share(1, 100, "USD")) == "€0.01 for each $1.00, on everything."
        cashback.program.rounding = "block"
        assert read(cashback, a_share(10, 1000)) == "€0.10 for each €10.00, on everything."

    def test_multiplies_cashback_and_gives_amounts(self, cashback):
        assert read(cashback, Multiplier(percent=200)) == "Twice as much back for what you spend on everything."
        assert read(cashback, PerUnit(points=5)) == "€0.05 for each piece, on everything."


class TestAWhy:
    def test_counts_in_money_to_parts_of_a_cent(self, cashback):
        steps = [
            {"c": "per_amount", "p": {"points": 1, "step_minor": 100, "currency": "EUR", "exact": "62.40"}},
            {"c": "per_unit", "p": {"points": 250, "rule": "Bed", "exact": "250.00"}},
        ]
        told = {"base_minor": 6240, "currency": "EUR", "steps": steps, "rounding": "floor:order", "points": 312}
        rows = why_rows(because={"c": "earned", "p": told}, unit=cashback)
        assert [(row.text.replace("\xa0", " "), row.value) for row in rows[1:]] == [
            ("1 % of what you paid", "0.6240"), ("Bed: €2.50 for each piece", "+2.50"), ("Rounded down", "€3.12"),
        ]  # fmt: skip

    @pytest.mark.parametrize(("language", "said"), [("en", "1,062.40"), ("de", "1.062,40"), ("pl", "1\xa0062,40")])
    def test_of_points_is_in_the_numbers_of_its_reader(self, unit, language, said):
        steps = [{"c": "per_amount", "p": {"points": 1, "step_minor": 100, "currency": "EUR", "exact": "1062.40"}}]
        told = {"base_minor": 106240, "currency": "EUR", "steps": steps, "rounding": "floor:order", "points": 1062}
        with override(language):
            assert why_rows(because={"c": "earned", "p": told}, unit=unit)[1].value == said


class TestACampaign:
    def test_takes_and_shows_amounts(self, root, cashback):
        test_campaigns.adds(root, cashback, points="2.50", budget="50")
        campaign = Campaign.objects.get()
        assert (campaign.points, campaign.budget) == (250, 5000)
        page = last_page(root, Campaign)
        assert {name: values(page)[name] for name in ("points", "budget")} == {"points": "2.50", "budget": "50.00"}
        assert "€2.50: A review that is shown" in text_of(page)
        assert "at most €50.00 in all; €0.00 given so far." in text_of(page)

    def test_lists_amounts_and_takes_them_back(self, root, cashback):
        test_campaigns.adds(root, cashback, points="2.50", budget="50")
        given = act(
            program=cashback.program, user_id=a_member(cashback).user_id, occasion="review", at=clock.now(), detail="1"
        )
        campaigns = root.get(reverse("admin:loyalty_journeys_campaign_changelist"))
        rows = reverse("admin:loyalty_journeys_occurrence_changelist")
        assert [word in text_of(campaigns) for word in ("€2.50", "€50.00")] == [True, True]
        assert "€2.50" in text_of(root.get(rows))
        done = root.post(rows, {"action": "take_back", "_selected_action": [given.pk], "confirmed": "yes"}, follow=True)
        assert "Taken back: €2.50." in text_of(done)
        assert Occurrence.objects.get().state == "back"

    def test_keeps_to_what_it_gave(self, root, cashback):
        test_campaigns.adds(root, cashback, points="2.50", budget="50")
        Campaign.objects.update(spent=1000)
        said = root.post(test_campaigns.page(Campaign.objects.get()), test_campaigns.typed(cashback, budget="9.99"))
        assert test_campaigns.errors(said) == {"budget": "10.00 have been given already."}


class TestAMember:
    def test_has_a_statement_in_amounts(self, root, cashback):
        account = give(a_user(), 250, cashback)
        page = text_of(root.get(reverse("admin:loyalty_program_member_change", args=[account.member_id])))
        assert re.search(r"\+2\.50\s+2\.50\s+the shop itself", page)


class TestALevel:
    def test_takes_and_shows_its_gift_as_an_amount(self, root, cashback):
        row = {"tiers-0-points": "2.50"}
        sent = of_a_ladder((None, 1, "Bronze", "50", 110), program=cashback.program) | row
        assert root.post(reverse("admin:loyalty_tiers_ladder_add"), sent).status_code == 302
        assert Tier.objects.get().points == 250
        page = last_page(root, Ladder)
        assert values(page)["tiers-0-points"] == "2.50"
        assert "Bronze from €50.00 (10 % more back, a gift of €2.50)" in text_of(page)


class TestBringingAFriend:
    def test_takes_and_shows_what_each_side_gets_as_amounts(self, root, cashback):
        a_program(code="other", is_default=False)
        sent = {**test_referrals.TYPED, "program": cashback.program_id, "giver_points": "2.50", "newcomer_points": "1"}
        assert root.post(test_referrals.ADD, sent).status_code == 302
        scheme = Scheme.objects.get()
        assert (scheme.giver_points, scheme.newcomer_points) == (250, 100)
        page = last_page(root, Scheme)
        assert (values(page)["giver_points"], values(page)["newcomer_points"]) == ("2.50", "1.00")
        assert "Who invites gets €2.50 and the newcomer €1.00" in text_of(page)


class TestTheLimitsOfUsingPoints:
    def test_are_amounts(self, root, cashback):
        sent = test_using.typed(program=cashback.program_id, minimum="2.50", step="0.50", per_day="10")
        assert root.post(test_using.ADD, sent).status_code == 302
        terms = UseTerms.objects.get()
        assert (terms.minimum, terms.step, terms.per_day) == (250, 50, 1000)
        page = last_page(root, UseTerms)
        found = values(page)
        assert [found[name] for name in ("minimum", "step", "per_day")] == ["2.50", "0.50", "10.00"]
        assert "Members can use €2.50 or more, in steps of 0.50, at most €10.00 a day" in text_of(page)

    def test_that_do_not_fit_are_said_in_amounts(self, root, cashback):
        sent = test_using.typed(program=cashback.program_id, minimum="2.60", step="0.50", per_day="1")
        said = test_using.errors(root.post(test_using.ADD, sent))
        assert said == {
            "minimum": "In steps of 0.50 this must be 2.50 or 3.00.",
            "per_day": "Nobody could use anything: the least at once is 2.60. Write that or more.",
        }
        assert not UseTerms.objects.exists()
