"""Lists of what is switched on and off, has dates, and may have nothing left, say how each row stands."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.urls import reverse

from loyalty_oscar.earning.models import Rule, RuleBudget
from loyalty_oscar.exclusives.models import QuotaCounter, Sale
from loyalty_oscar.journeys.models import Campaign, Goal
from loyalty_oscar.program.in_force import InForce, InForceFilter, TellsInForce
from loyalty_oscar.program.models import Reward
from loyalty_oscar.testing import clock, factories
from loyalty_oscar.tiers.models import MemberPrice
from tests.storefront import TODAY

SECOND = timedelta(seconds=1)
AGO, AHEAD = TODAY - timedelta(days=60), TODAY + timedelta(days=60)
#: The first and the last moment or day of what stands so, at the boundaries.
DATED = {
    "now": [(AGO, None), (AGO, TODAY + SECOND), (TODAY, AHEAD)],
    "planned": [(TODAY + SECOND, None), (AHEAD, AHEAD + SECOND)],
    "over": [(AGO, TODAY), (AGO, TODAY - SECOND)],
    "off": [(AGO, None), (AHEAD, None), (AGO, AGO + SECOND)],
}
DAYS = {
    "now": [("", ""), ("", "2026-05-06"), ("2026-05-06", "2026-12-31")],
    "planned": [("2026-05-07", ""), ("2026-12-01", "2026-12-31")],
    "over": [("", "2026-05-05"), ("2026-01-01", "2026-01-31")],
    "off": [("", ""), ("2026-12-01", ""), ("", "2026-01-31")],
}


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


def a_rule(stands, dates, given=0, at=AGO):
    narrowed = [{"code": "budget", "params": {"points": 900}}]
    if found := {name: text for name, text in zip(("first", "last"), dates, strict=True) if text}:
        narrowed.append({"code": "dates", "params": found})
    rule = factories.RuleFactory(narrowed=narrowed, is_on=stands != "off", at=at)
    RuleBudget.objects.filter(pk=rule.pk).update(taken=given)
    return rule


def a_sale(stands, dates, taken=0):
    starts_at, ends_at = dates
    told = {"public_from": None, "ends_at": ends_at, "is_on": stands != "off"}
    sale = factories.SaleFactory(quota=5, door__seen_from=starts_at, **told)
    QuotaCounter.objects.filter(sale=sale).update(taken=taken)
    return sale


def a_row(factory):
    def made(stands, dates, **fields):
        starts_at, ends_at = dates
        return factory(starts_at=starts_at, ends_at=ends_at, is_on=stands != "off", **fields)

    return made


KINDS = {
    Rule: (a_rule, DAYS, {"given": 900}),
    Sale: (a_sale, DATED, {"taken": 5}),
    Campaign: (a_row(factories.CampaignFactory), DATED, {"budget": 99, "spent": 50}),
    Goal: (a_row(factories.GoalFactory), DATED, None),
    Reward: (a_row(factories.RewardFactory), DATED, {"quota": 3, "taken": 3}),
    MemberPrice: (a_row(factories.MemberPriceFactory), DATED, None),
}


def listed(root, model, stands=""):
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    return root.get(f"{url}?in_force={stands}" if stands else url)


@pytest.mark.parametrize("model", KINDS)
class TestAList:
    def test_says_how_each_row_stands_and_is_narrowed_by_it(self, root, unit, model):
        make, found, spent = KINDS[model]
        rows = {stands: [make(stands, dates).pk for dates in found[stands]] for stands in found}
        if spent:
            rows["spent"] = [make("spent", found["now"][0], **spent).pk]
        there = set(model.objects.values_list("pk", flat=True)) - {pk for pks in rows.values() for pk in pks}
        page = listed(root, model).content.decode()
        for stands, own in rows.items():
            assert f'field-state">{InForce(stands).label}<' in page
            shown = {row.pk for row in listed(root, model, stands).context["cl"].result_list} - there
            assert shown == set(own), stands

    def test_is_as_it_was_with_a_word_of_nobody(self, root, unit, model):
        make, found, _spent = KINDS[model]
        make("now", found["now"][0])
        assert listed(root, model, "nonsense").context["cl"].result_count == model.objects.count()


class TestARule:
    def test_that_comes_is_planned(self, root, unit):
        a_rule("now", ("", ""), at=AHEAD)
        assert listed(root, Rule, "planned").context["cl"].result_count == 1

    def test_that_is_off_until_its_next_version_is_planned(self, root, unit):
        rule = a_rule("off", ("", ""))
        factories.RuleFactory(code=rule.code, name=rule.name, at=AHEAD)
        assert listed(root, Rule, "planned").context["cl"].result_count == 1


class TestAReward:
    def test_of_codes_has_nothing_left_without_one(self, root, unit):
        factories.RewardFactory(codes=["A"], code="some")
        factories.RewardFactory(codes=[], code="none")
        assert [row.code for row in listed(root, Reward, "spent").context["cl"].result_list] == ["none"]


def test_every_list_with_a_switch_and_an_end_is_one_of_these():
    dated = {model for model in admin.site._registry if {"is_on", "ends_at"} <= {f.name for f in model._meta.fields}}
    told = {model for model, page in admin.site._registry.items() if isinstance(page, TellsInForce)}
    assert dated <= told
    assert told == set(KINDS)
    for model in told:
        assert InForceFilter in admin.site._registry[model].list_filter
        assert "state" in admin.site._registry[model].list_display
