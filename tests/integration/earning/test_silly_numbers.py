"""A slip of the hand in a number never makes an order impossible to count."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.urls import reverse

from loyalty_oscar.earning.models import Award, Rule, RuleVersion
from loyalty_oscar.earning.operations import save_rule, switch_rule
from loyalty_oscar.earning.rules import build, conditions, earning_rules
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.operations import act
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule, LoyaltyError
from loyalty_oscar.kernel.limits import MOST_BUDGET, MOST_POINTS
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import LotGrant
from loyalty_oscar.program.hooks import program_warnings
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import metrics
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import LOOK_AGAIN, sweep, sync_orders
from loyalty_oscar.shop.upkeep.doctor import Level, examine
from loyalty_oscar.tiers.models import Score, Tier
from tests.integration.journeys.deeds import a_campaign
from tests.integration.tiers.ladders import a_ladder
from tests.orders import imported
from tests.storefront import TODAY, a_user, day, text_of

pytestmark = pytest.mark.django_db

SILLY = 999_999_999_999_999_999_999


def an_order():
    return imported(user=a_user(), lines=[("50.00", 1)], placed_at=day(5, 1))


@pytest.fixture
def order(unit):
    return an_order()


def look(order, at=TODAY):
    """Look at an order as the nightly job does."""
    sync_orders(order_ids=[order.pk], at=at)


def night(at=TODAY):
    return [*sweep(at=at, everything=True)]


def points():
    return sum(account.net for account in Account.objects.all())


def says(about="rules"):
    return [f.text for f in examine(at=TODAY) if f.about == about and f.level in (Level.WARNING, Level.ERROR)]


def saved_before_there_were_caps(unit, kind="per-amount", **params):
    """A rule as an older release took it."""
    rule = Rule.objects.create(program=unit.program, unit=unit, code="silly", name="Silly", type=kind)
    RuleVersion.objects.create(rule=rule, number=1, params=params, valid_from=day(1, 1))
    forget_cache()
    return rule


class TestARule:
    @pytest.mark.parametrize(
        ("registry", "code", "params", "named"),
        [
            (earning_rules, "per-amount", {"currency": "EUR", "points": SILLY, "step_minor": 100}, "points"),
            (earning_rules, "per-amount", {"currency": "EUR", "points": 1, "step_minor": SILLY}, "step_minor"),
            (earning_rules, "per-amount", {"currency": "EUR", "points": 1001, "step_minor": 1}, "points"),
            (earning_rules, "multiplier", {"percent": 10_001}, "percent"),
            (earning_rules, "per-unit", {"points": MOST_POINTS + 1}, "points"),
            (earning_rules, "first-order", {"points": MOST_POINTS + 1}, "points"),
            (conditions, "minimum-spend", {"currency": "EUR", "minimum_minor": SILLY}, "minimum_minor"),
            (conditions, "tier", {"rank": 21}, "rank"),
        ],
    )
    def test_refuses_numbers_that_nobody_means(self, registry, code, params, named):
        with pytest.raises(BadRule, match=named):
            build(registry=registry, code=code, params=params)

    @pytest.mark.parametrize(
        ("code", "params"),
        [
            ("per-amount", {"currency": "EUR", "points": MOST_POINTS, "step_minor": 10_000}),
            ("per-amount", {"currency": "JPY", "points": 1000, "step_minor": 1}),
            ("multiplier", {"percent": 10_000}),
            ("per-unit", {"points": MOST_POINTS}),
            ("first-order", {"points": MOST_POINTS}),
        ],
    )
    def test_takes_the_most_and_orders_can_be_counted_with_it(self, unit, code, params):
        save_rule(unit=unit, code="most", name="Most", type=code, params=params, actor="system", at=day(1, 1))
        forget_cache()
        lines = [("9999999.99", 100), ("9999999.99", 100)]
        order = imported(user=a_user(), lines=lines, placed_at=day(5, 1), currency=params.get("currency", "EUR"))
        look(order)
        assert Award.objects.get().missed == []
        assert points() == Award.objects.get().given > 0

    @pytest.mark.parametrize(
        ("kind", "fields", "wrong"),
        [
            ("per-amount", {"p_points": SILLY, "p_step_minor": "1.00"}, "p_points"),
            ("per-amount", {"p_points": MOST_POINTS, "p_step_minor": "1.00"}, "p_points"),
            ("multiplier", {"p_percent": "101", "p_group": "campaign"}, "p_percent"),
            ("multiplier", {"p_percent": "-2", "p_group": "campaign"}, "p_percent"),
            ("per-unit", {"p_points": SILLY}, "p_points"),
            ("first-order", {"p_points": MOST_POINTS + 1}, "p_points"),
            ("first-order", {"p_points": 1, "minimum": "99999999999.00"}, "minimum"),
        ],
    )
    def test_is_refused_on_its_page_beside_the_field(self, admin_client, unit, kind, fields, wrong):
        data = {"name": "x", "is_on": "on", "unit": unit.pk, "p_currency": "EUR", "minimum_currency": "EUR", **fields}
        response = admin_client.post(f"{reverse('admin:loyalty_earning_rule_add')}?type={kind}", data)
        assert list(response.context["adminform"].form.errors) == [wrong]
        assert Rule.objects.count() == 1


class TestARuleFromBeforeTheCaps:
    def test_takes_nothing_else_of_an_order_along(self, unit):
        a_ladder(unit=unit)
        saved_before_there_were_caps(unit, currency="EUR", points=SILLY, step_minor=100)
        look(an_order())
        assert points() == 50
        assert Award.objects.get().missed == ["silly"]
        assert Score.objects.get().value == 5000
        assert OrderSync.objects.get().failed == {}

    def test_lets_an_order_be_counted_that_had_failed_for_ever(self, unit, order):
        saved_before_there_were_caps(unit, currency="EUR", points=SILLY, step_minor=100)
        why = {"earning": "OverflowError: Python int too large to convert to SQLite INTEGER"}
        OrderSync.objects.create(
            order_id=order.pk, is_dirty=True, dirty_since=day(5, 1), failures=4000, failed=why, fingerprint=LOOK_AGAIN
        )
        night()
        assert points() == 50
        mark = OrderSync.objects.get()
        assert (mark.failed, mark.failures, mark.is_dirty) == ({}, 0, False)

    def test_is_promised_to_nobody(self, unit, client):
        saved_before_there_were_caps(unit, currency="EUR", points=SILLY, step_minor=100)
        page = client.get("/loyalty/how-it-works/")
        assert page.status_code == 200
        assert "1 paw for each €1.00 , on everything." in text_of(page)
        assert "999,999" not in text_of(page)

    def test_is_named_by_the_doctor_until_it_is_switched_off(self, unit, order):
        rule = saved_before_there_were_caps(unit, currency="EUR", points=SILLY, step_minor=100)
        look(order)
        [said] = says()
        assert said.startswith(
            "silly of “Paw Club” no longer builds: points must be a whole number from 1 to 10,000,000"
        )
        switch_rule(rule=rule, is_on=False, actor="system", at=TODAY)
        night()
        assert Award.objects.get().missed == []
        assert points() == 50
        assert says() == []

    def test_is_named_until_the_day_on_which_it_is_mended(self, unit):
        saved_before_there_were_caps(unit, currency="EUR", points=SILLY, step_minor=100)
        [said] = says()
        told = {"code": "silly", "name": "Silly", "type": "per-amount", "actor": "system"}
        mended, begins = {"currency": "EUR", "points": 2, "step_minor": 100}, TODAY + timedelta(days=7)
        save_rule(unit=unit, params=mended, starts_at=begins, at=TODAY, **told)
        assert says() == [said]
        warn = program_warnings.get("rules")
        assert "The rule “Silly” no longer works" in "".join(warn(program=unit.program, at=TODAY))
        assert list(warn(program=unit.program, at=begins)) == []


@dataclass(frozen=True, kw_only=True)
class Rash:
    """A rule of the store's own that minds no number."""

    stage: ClassVar[str] = "bonus"
    points: int
    divides: bool = False

    def wanted(self, *, purchase):
        return not self.divides or 1 / (purchase.lines[0].quantity - 1)

    def because(self):
        return Because("rash", points=self.points)


@pytest.fixture
def rash():
    earning_rules.register("rash")(Rash)
    yield
    earning_rules.unregister("rash")


def rashly(unit, at=None, **params):
    told = {"code": "rash", "name": "Rash", "type": "rash", "params": params, "actor": "system"}
    rule = save_rule(unit=unit, at=at or day(1, 1), **told)
    forget_cache()
    return rule


class TestARuleOfTheStoresOwn:
    @pytest.mark.parametrize(
        "params",
        [{"points": 10**30}, {"points": 2**63}, {"points": 10**15 + 1}, {"points": -5}, {"points": 1, "divides": True}],
    )
    def test_is_left_out_where_an_order_cannot_bear_it(self, unit, order, rash, params):
        rashly(unit, **params)
        look(order)
        assert points() == 50
        award = Award.objects.get()
        assert (award.given, award.missed, OrderSync.objects.get().failed) == (50, ["rash"], {})
        assert says() == ["1 order of 90 days counted without rash of “Paw Club”"]

    def test_is_left_out_of_late_lines_too(self, unit, order, rash):
        look(order)
        rashly(unit, points=10**30)
        order.lines.update(quantity=2, line_price_incl_tax="100.00", line_price_excl_tax="100.00")
        look(order)
        assert points() == 100

    def test_is_forgotten_once_it_is_ended(self, unit, order, rash):
        rule = rashly(unit, points=10**30)
        look(order)
        night()
        assert Award.objects.get().missed == ["rash"]
        switch_rule(rule=rule, is_on=False, actor="system", at=TODAY)
        forget_cache()
        night()
        assert Award.objects.get().missed == []
        assert points() == 50
        assert says() == []

    def test_leaves_every_other_rule_what_it_gives(self, unit, order, rash):
        rashly(unit, points=10**30)
        save_rule(
            unit=unit, code="two", name="x", type="multiplier", params={"percent": 200}, actor="system", at=day(1, 1)
        )
        save_rule(
            unit=unit, code="first", name="x", type="first-order", params={"points": 7}, actor="system", at=day(1, 1)
        )
        forget_cache()
        look(order)
        assert points() == 107


class TestAnEffectThatOverflows:
    def test_takes_no_other_along_and_is_tried_again(self, unit, monkeypatch):
        a_ladder(unit=unit, metric="spend")
        spend = metrics.get("spend")
        right = spend.values
        wrong = lambda self, *, orders, **_what: {order.order_id: 10**30 for order in orders}  # noqa: E731
        monkeypatch.setattr(type(spend), "values", wrong)
        look(an_order())
        assert points() == 50
        assert list(OrderSync.objects.get().failed) == ["tiers"]
        assert not Score.objects.exists()
        monkeypatch.setattr(type(spend), "values", lambda self, **what: right(**what))
        night()
        assert OrderSync.objects.get().failed == {}
        assert Score.objects.get().value == 5000
        assert points() == 50


class TestACampaign:
    @pytest.mark.parametrize(
        ("field", "value"), [("points", 2**63 - 1), ("points", MOST_POINTS + 1), ("budget", 2**63 - 1)]
    )
    def test_is_refused_beyond_what_anybody_can_give(self, admin_client, unit, field, value):
        data = {
            "program": unit.program_id,
            "name": "x",
            "points": 10,
            "word": "woof24",
            "rank": 0,
            "is_public": "True",
            "is_on": "on",
            "texts-TOTAL_FORMS": 0,
            "texts-INITIAL_FORMS": 0,
        }
        add = f"{reverse('admin:loyalty_journeys_campaign_add')}?type=word"
        response = admin_client.post(add, {**data, field: value})
        assert list(response.context["adminform"].form.errors) == [field]
        assert not Campaign.objects.exists()

    def test_is_refused_by_the_database_too(self, unit):
        campaign = a_campaign(unit)
        for wrong in ({"points": MOST_POINTS + 1}, {"budget": MOST_BUDGET + 1}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Campaign.objects.filter(pk=campaign.pk).update(**wrong)

    def test_counts_more_points_given_than_an_ordinary_column_holds(self, unit):
        campaign = a_campaign(unit, points=50)
        Campaign.objects.filter(pk=campaign.pk).update(spent=3_000_000_000)
        assert act(program=unit.program, user_id=a_user().pk, occasion="review", detail="1", at=TODAY)
        campaign.refresh_from_db()
        assert campaign.spent == 3_000_000_050


class TestAGiftOfALevel:
    def test_is_refused_by_the_database_beyond_what_anybody_can_give(self, unit):
        a_ladder(unit=unit)
        for wrong in ({"points": MOST_POINTS + 1}, {"percent": 1001}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Tier.objects.filter(rank=1).update(**wrong)

    def test_is_refused_by_its_field(self, unit):
        a_ladder(unit=unit)
        tier = Tier.objects.get(rank=1)
        tier.points = MOST_POINTS + 1
        with pytest.raises(ValidationError, match="less than or equal to 10000000"):
            tier.full_clean()


class TestBringingAFriend:
    @pytest.mark.parametrize("side", ["giver_points", "newcomer_points"])
    def test_is_refused_beyond_what_anybody_can_give(self, admin_client, unit, side):
        data = {
            "program": unit.program_id,
            "is_on": "on",
            "giver_points": 1,
            "newcomer_points": 1,
            "per_month": 1,
            "least": 0,
        }
        url = reverse("admin:loyalty_referrals_scheme_add")
        response = admin_client.post(url, {**data, side: MOST_POINTS + 1})
        assert list(response.context["adminform"].form.errors) == [side]
        assert not Scheme.objects.exists()
        with pytest.raises(IntegrityError), transaction.atomic():
            Scheme.objects.create(program=unit.program, **{side: MOST_POINTS + 1})


class TestAGrant:
    @pytest.mark.parametrize("points", [0, -1, 10**15 + 1, 10**30])
    def test_is_never_more_than_the_books_bear(self, points):
        with pytest.raises(LoyaltyError, match="a grant is 1 to"):
            LotGrant(account_id=1, points=points, key="x", source="x", because=Because("x"))
