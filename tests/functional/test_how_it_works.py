"""The page that explains the club tells everything that is in force, each from the rows that decide it."""

import pytest
from django.urls import reverse

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.redemption.models import LeastOrder
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import CampaignFactory, ProductSetFactory, SchemeFactory, UseTermsFactory
from tests.integration.exclusives.sales import a_sale
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_club, a_product, day, text_of

pytestmark = pytest.mark.django_db
HOW = reverse("loyalty:how-it-works")


@pytest.fixture
def said(client):
    """What a stranger reads on 6 May 2026."""

    def read():
        with clock.at(TODAY):
            return text_of(client.get(HOW)).partition("What an order brings")[2]

    return read


class TestUsing:
    def test_is_told_with_every_limit_and_never_for_delivery(self, said):
        unit = a_club()
        terms = UseTermsFactory(
            program=unit.program, share=50, minimum=200, step=100, per_day=5000, not_with_vouchers=True,
            not_on_discounted=True, not_on_exclusive=True,
        )  # fmt: skip
        terms.excluded_sets.add(ProductSetFactory(code="cards", name="Gift cards"))
        LeastOrder.objects.create(terms=terms, currency="EUR", minor=1000)
        terms.save()
        text = said()
        for sentence in (
            "Paws can pay for up to 50 % of the goods, never for delivery.",
            "You can use 200 paws or more.",
            "Paws can be used in steps of 100.",
            "You can use up to 5,000 paws a day.",
            "Paws can be used when the goods cost €10.00 or more.",
            "Paws cannot be used together with a voucher.",
            "Not for products that are reduced already.",
            "Not for products with an exclusive offer.",
            "Not for: Gift cards.",
        ):
            assert sentence in text

    def test_without_limits_is_two_lines(self, said):
        UseTermsFactory(program=a_club().program)
        assert "Paws can pay for goods, never for delivery. You choose in the basket how much you use. What" in said()

    def test_is_not_told_where_nobody_can(self, said):
        unit = a_club()
        assert "Using what you have" not in said()
        UseTermsFactory(program=unit.program, is_on=False)
        assert "Using what you have" not in said()


class TestEarningMore:
    def test_is_told_for_what_is_in_force(self, said):
        unit = a_club()
        CampaignFactory(program=unit.program, points=50)
        CampaignFactory(program=unit.program, review=True, points=25)
        CampaignFactory(program=unit.program, birthday=True, points=100, params={"told_days": 30})
        CampaignFactory(program=unit.program, word="spring")
        text = said()
        assert "50 paws when you confirm your e-mail address." in text
        assert "25 paws for reviewing something you bought. Stars don't matter." in text
        assert "100 paws for your birthday, if you tell us at least 30 days before." in text
        assert "Code words from the shop bring more. Each counts once." in text
        assert "spring" not in text

    def test_is_not_told_of_what_is_over_or_used_up(self, said):
        unit = a_club()
        CampaignFactory(program=unit.program, ends_at=day(5, 1))
        CampaignFactory(program=unit.program, review=True, points=25, budget=30, spent=10)
        CampaignFactory(program=unit.program, birthday=True, starts_at=day(6, 1))
        assert Campaign.objects.count() == 3
        assert "Earn more" not in said()


class TestFriendsAndSales:
    def test_are_told_where_there_are_any(self, said):
        ladder = a_ladder()
        SchemeFactory(program=ladder.program)
        a_sale(ladder.program.unit, a_product("Trail bed"))
        text = said()
        assert "Your friend gets 100 paws with a first order from €20.00, and you get 150 paws." in text
        assert "Up to 10 friends a month bring you a reward." in text
        assert "First on the trail : Gold from 9 May · Everyone from 11 May" in text

    def test_are_left_out_where_there_are_none(self, said):
        ladder = a_ladder()
        SchemeFactory(program=ladder.program, is_on=False)
        a_sale(ladder.program.unit, a_product("Trail bed"), mode="hide")
        assert Scheme.objects.exists()
        text = said()
        assert "Inviting friends" not in text
        assert "First on the trail" not in text


class TestSentences:
    def test_have_25_words_at_most(self, client):
        unit = a_club()
        UseTermsFactory(program=unit.program, share=50, minimum=200, step=100, per_day=5000)
        SchemeFactory(program=unit.program)
        for more in ({}, {"review": True}, {"birthday": True, "params": {"told_days": 30}}, {"word": "spring"}):
            CampaignFactory(program=unit.program, **more)
        with clock.at(TODAY):
            page = client.get(HOW).content.decode()
        lines = [line for part in page.split("<li>")[1:] for line in [part.partition("</li>")[0]] if "<a" not in line]
        assert len(lines) > 10
        assert [line for line in lines for one in line.split(". ") if len(one.split()) > 25] == []

    def test_say_what_stays_while_the_program_pauses(self, client):
        unit = a_club()
        SchemeFactory(program=unit.program)
        change_state(program=unit.program, to="paused", actor="staff:1", at=day(5, 1))
        with clock.at(TODAY):
            assert "Inviting friends" not in text_of(client.get(HOW))
