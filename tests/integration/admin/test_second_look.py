"""What a number costs stands beside it; what costs a lot, or changes much for many, is asked about once more."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import PointWorth, Program
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.second_look import dear, given_back
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.testing.factories import SchemeFactory
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.integration.journeys.deeds import a_campaign
from tests.integration.tiers.ladders import a_ladder
from tests.points import points_club
from tests.storefront import a_user, text_of

from .test_saved_unchanged import Form

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit(db):
    """The Paw Club: 1 paw for each 1.00, 100 paws are worth 1.00, so 1 % comes back; two members."""
    unit = points_club()
    for name in ("boris", "anna"):
        join(program=unit.program, user_id=a_user(f"{name}@example.com").pk, at=clock.now())
    return unit


def change(root, row, **typed):
    """Save the page of a row with this typed into it; returns the answer, and what it asks."""
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    data = Form(root.get(address).content.decode()).data | typed
    answer = root.post(address, {name: value for name, value in data.items() if value is not None})
    if answer.status_code == 302:
        return answer, []
    found = [answer.context["adminform"].form]
    found += [form for one in answer.context["inline_admin_formsets"] for form in one.formset.forms]
    said = [text for form in found for texts in form.errors.values() for text in texts]
    return answer, [text.replace("\xa0", " ") for text in said]


class TestAGift:
    @pytest.mark.parametrize(("points", "asks"), [(9_999, False), (10_000, False), (10_001, True), (-10_001, True)])
    def test_asks_above_what_the_program_sets(self, unit, points, asks):
        assert bool(dear(unit=unit, points=points)) is asks

    def test_asks_by_the_limit_of_its_program(self, unit):
        Program.objects.update(much_minor=100)
        unit.program.refresh_from_db()
        assert [bool(dear(unit=unit, points=points)) for points in (100, 101)] == [False, True]

    def test_never_asks_about_less_than_before_or_what_is_worth_nothing(self, unit):
        assert dear(unit=unit, points=20_000, before=20_000) == []
        PointWorth.objects.all().delete()
        forget_cache()
        assert dear(unit=unit, points=20_000) == []

    def test_of_a_campaign_is_saved_only_by_who_means_it(self, root, unit):
        campaign = a_campaign(unit)
        _answer, asked = change(root, campaign, points="20000")
        assert asked == [
            "That comes to €200.00 (20,000 paws), more than the usual €100.00 for a gift. Tick this if you mean it."
        ]
        assert Campaign.objects.get().points == 50
        assert change(root, campaign, points="20000", is_meant="on")[1] == []
        assert change(root, campaign, name="Other")[1] == []
        assert Campaign.objects.get().points == 20_000

    def test_of_a_level_says_its_worth_for_all_members(self, root, unit):
        ladder = a_ladder(unit=unit, gifts=(0, 50, 0))
        page = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
        assert "Worth of 50 paws: €0.50. For all 2 members: up to €1.00." in text_of(root.get(page))
        rank = Tier.objects.get(rank=2)
        _answer, asked = change(root, ladder, **{"tiers-1-points": "20000"})
        assert len(asked) == 1 and "€200.00" in asked[0]
        assert change(root, ladder, **{"tiers-1-points": "20000", "tiers-1-is_meant": "on"})[1] == []
        rank.refresh_from_db()
        assert rank.points == 20_000

    def test_to_friends_asks_for_each_side(self, root, unit):
        scheme = SchemeFactory(program=unit.program)
        _answer, asked = change(root, scheme, giver_points="20000", newcomer_points="30000")
        assert [("200.00" in text, "300.00" in text) for text in asked] == [(True, False), (False, True)]
        assert Scheme.objects.get().giver_points == scheme.giver_points

    @pytest.mark.parametrize("points", ["20000", "-20000"])
    def test_by_hand_is_written_only_by_who_means_it(self, root, unit, points):
        member = unit.program.members.first()
        page = reverse("admin:loyalty_program_member_adjust", args=[member.pk])
        data = {**Form(root.get(page).content.decode(), "reason").data, "points": points, "reason": "x"}
        answer = root.post(page, data)
        assert list(answer.context["form"].errors) == ["is_meant"]
        assert not Entry.objects.exists()
        answer = root.post(page, {**data, "is_meant": "on"})
        assert answer.status_code == (302 if points == "20000" else 200)
        assert Entry.objects.count() == (points == "20000")


class TestWhatComesBack:
    def test_is_said_beside_the_worth(self, root, unit):
        page = reverse("admin:loyalty_program_program_change", args=[unit.program_id])
        assert "You give back 1 % of the money paid." in text_of(root.get(page))
        assert given_back(program=unit.program, at=clock.now()) == Decimal("1.0")

    @pytest.mark.parametrize(("amount", "asked"), [("1.00", 0), ("25.00", 1), ("25.10", 2)])
    def test_asks_where_members_have_something_and_where_it_is_a_lot(self, root, unit, amount, asked):
        _answer, texts = change(root, unit.program, **{"worths-0-amount": amount})
        assert len(texts) == asked
        assert PointWorth.objects.get().minor == 100
        if asked:
            assert "What 2 members have is worth something else" in texts[0]
            assert change(root, unit.program, **{"worths-0-amount": amount, "worths-0-is_meant": "on"})[1] == []
            assert PointWorth.objects.get().minor == Decimal(amount) * 100

    @pytest.mark.parametrize(("percent", "asks"), [("24", False), ("25", True)])
    def test_of_a_member_price_counts_the_points_too(self, root, unit, percent, asks):
        tier = a_ladder(unit=unit).tiers.get(rank=2)
        price = MemberPrice.objects.create(tier=tier, percent=10, starts_at=clock.now() - timedelta(days=1))
        _answer, texts = change(root, price, percent=percent)
        assert bool(texts) is asks
        price.refresh_from_db()
        assert price.percent == (10 if asks else int(percent))


class TestWhatChangesMuchForMany:
    def test_asks_before_points_are_worth_nothing(self, root, unit):
        answer, texts = change(root, unit.program, **{"worths-0-DELETE": "on"})
        assert texts == [
            "What 2 members have would be worth nothing in EUR from this moment on. Tick this if you mean it."
        ]
        assert 'type="checkbox" name="worths-0-is_meant"' in answer.content.decode()
        assert PointWorth.objects.exists()
        assert change(root, unit.program, **{"worths-0-DELETE": "on", "worths-0-is_meant": "on"})[1] == []
        assert not PointWorth.objects.exists()

    def test_asks_nothing_about_the_worth_in_a_draft(self, root, unit):
        Program.objects.update(earns_from=None)
        assert change(root, unit.program, **{"worths-0-DELETE": "on"})[1] == []
        assert not PointWorth.objects.exists()

    @pytest.mark.parametrize("typed", [None, "paw club", "Paw"])
    def test_in_a_live_program_asks_for_its_typed_name(self, root, unit, typed):
        answer, texts = change(root, unit.program, currency="USD", typed_name=typed or "")
        assert len(texts) == 1 and "members. Type “Paw Club” if you mean it." in texts[0]
        assert answer.context["adminform"].form.fields["typed_name"].widget.input_type == "text"
        assert Program.objects.get().currency == "EUR"
        assert change(root, unit.program, currency="USD", typed_name="Paw Club")[1] == []
        assert Program.objects.get().currency == "USD"

    def test_asks_before_a_program_serves_no_site_any_more(self, root, unit):
        assert "will serve no site" in change(root, unit.program, is_default=None)[1][0]
        assert Program.objects.get().is_default

    def test_asks_before_points_are_called_something_else(self, root, unit):
        assert "2 members read the new words" in change(root, unit.program, **{"unit-0-word_en_other": "dots"})[1][0]
        assert change(root, unit.program, **{"unit-0-word_en_other": "dots", "unit-0-is_meant": "on"})[1] == []

    def test_asks_before_nobody_can_use_points(self, root, unit):
        terms = UseTerms.objects.get()
        assert "2 members could not use anything" in change(root, terms, is_on=None)[1][0]
        assert UseTerms.objects.get().is_on
        assert change(root, terms, is_on=None, is_meant="on")[1] == []
        assert not UseTerms.objects.get().is_on

    def test_asks_nothing_of_a_draft(self, root, unit):
        Program.objects.update(earns_from=None)
        assert change(root, unit.program, currency="USD")[1] == []
        assert get_user_model().objects.filter(is_superuser=True).exists()
