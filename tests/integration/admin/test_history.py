"""Who changed what from which value to which, and what a member's history holds."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty_oscar.program import clock
from loyalty_oscar.program.models import PointWorth, ProductSet
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.testing.factories import MemberPriceFactory, SchemeFactory, UseTermsFactory
from loyalty_oscar.tiers.models import Ladder, Tier
from tests.forms import fields_of
from tests.integration.exclusives.sales import a_sale, a_set
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_product, day


def changed(client, row, form_id, **typed):
    """Save a change page with these fields typed anew, as a browser does; returns what its history says of it."""
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    answer = client.post(url, {**fields_of(client.get(url), form_id), **typed})
    assert answer.status_code == 302, answer.context["errors"]
    said = LogEntry.objects.latest("pk").get_change_message().replace("\xa0", " ")
    history = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_history", args=[row.pk]))
    assert said.split("→")[0] in history.content.decode().replace("\xa0", " ").replace("&#x27;", "'")
    return said


class TestTheHistoryOfAPage:
    def test_says_both_values_of_a_number_and_a_switch(self, root, unit):
        terms = UseTermsFactory(program=unit.program)
        before = UseTerms.objects.get().minimum
        said = changed(root, terms, "useterms_form", minimum="700", is_on="")
        assert f": {before or 'nothing'} → 700" in said
        assert ": yes → no" in said

    def test_says_both_values_of_a_choice_in_words(self, root, unit):
        said = changed(root, unit.program, "program_form", hold_days="21", rounding="ceil")
        assert ": 14 → 21" in said
        assert "ceil" not in said

    def test_says_what_was_changed_in_a_row(self, root, unit):
        a_ladder(unit=unit)
        ladder = Ladder.objects.get()
        said = changed(root, ladder, "ladder_form", **{"tiers-1-takes": "155.00"})
        assert "€150.00 → €155.00" in said

    def test_is_empty_where_nothing_was_changed(self, root, unit):
        terms = UseTermsFactory(program=unit.program)
        url = reverse("admin:loyalty_redemption_useterms_change", args=[terms.pk])
        assert root.post(url, fields_of(root.get(url), "useterms_form")).status_code == 302
        assert not LogEntry.objects.exists()


def the_ladder(unit):
    return a_ladder(unit=unit)


def the_scheme(unit):
    return SchemeFactory(program=unit.program)


def the_sale(unit):
    a_ladder(unit=unit)
    a_set(a_product("Bed"), code="beds")
    return a_sale(unit, a_product("Bites"), percent=20, mode="open")


def the_member_price(unit):
    gold = a_ladder(unit=unit).tiers.get(rank=3)
    a_set(a_product("Bed"), code="beds")
    return MemberPriceFactory(tier=gold, percent=10, starts_at=day(5, 1))


def the_terms(unit):
    return UseTermsFactory(program=unit.program, minimum=430, per_day=5000, is_on=True)


def the_program(unit):
    return unit.program


def key_of(model, **which):
    return lambda: str(model.objects.get(**which).pk)


#: What is changed, the field with what is typed, and what the history says of it.
CHANGES = [
    (the_program, "hold_days", "21", "14 → 21"),
    (the_program, "rounding", "ceil", "down → up"),
    (the_program, "worths-0-amount", "4.30", "€1.00 → €4.30"),
    (the_program, "worths-0-points", "1500", "100 → 1,500"),
    (the_terms, "minimum", "700", "430 → 700"),
    (the_terms, "is_on", "", "yes → no"),
    (the_terms, "per_day", "", "5,000 → nothing"),
    (the_ladder, "tiers-1-takes", "155.5", "€150.00 → €155.50"),
    (the_ladder, "tiers-0-takes", "0", "€0.01 → €0.00"),
    (the_ladder, "tiers-2-takes", "", "€400.00 → nothing"),
    (the_ladder, "tiers-2-percent", "150", "120 → 150"),
    (the_ladder, "tiers-0-name_pl", "Brąz", "nothing → Brąz"),
    (the_ladder, "grace_days", "14", "30 → 14"),
    (the_member_price, "tier", key_of(Tier, rank=2), "Gold → Silver"),
    (the_member_price, "product_set", key_of(ProductSet, code="beds"), "nothing → beds"),
    (the_member_price, "starts_at_0", "2026-06-01", "1 May 2026, 14:00 (CEST) → 1 June 2026, 14:00 (CEST)"),
    (the_sale, "percent", "25", "20 → 25"),
    (the_sale, "product_set", key_of(ProductSet, code="beds"), "trail → beds"),
    (the_sale, "mode", "hide", "everybody else buys at the normal price → nobody else sees the products"),
    (the_sale, "public_from_0", "2026-12-11", "11 May 2026, 02:00 (CEST) → 11 December 2026, 02:00 (CET)"),
    (the_sale, "doors-0-rank", "2", "Gold → Silver"),
    (the_scheme, "least", "25.50", "€20.00 → €25.50"),
    (the_scheme, "giver_points", "1200", "150 → 1,200"),
    (the_scheme, "newcomer_points", "0", "100 → 0"),
    (the_scheme, "is_approved", "on", "no → yes"),
]


class TestTheHistoryInWordsAndMoney:
    @pytest.fixture
    def unit(self, unit):
        unit.program.time_zone = "Europe/Berlin"
        unit.program.save()
        PointWorth.objects.update_or_create(
            program=unit.program, currency="EUR", defaults={"points": 100, "minor": 100}
        )
        forget_cache()
        return unit

    @pytest.mark.parametrize(
        ("make", "field", "typed", "said"), CHANGES, ids=[f"{one[0].__name__}-{one[1]}" for one in CHANGES]
    )
    def test_says_who_changed_what_from_which_value_to_which(self, root, unit, make, field, typed, said):
        row = make(unit)
        more = {"public_from_0": "2026-12-11", "ends_at_0": ""} if field == "public_from_0" else {}
        typed = typed() if callable(typed) else typed
        data = {field: typed, **more, **({"ends_at_1": ""} if more else {})}
        if make is the_sale:
            data["is_meant"] = "on"
        form_id = f"{row._meta.model_name}_form"
        text = changed(root, row, form_id, **data)
        assert f": {said}" in text
        assert LogEntry.objects.latest("pk").user.is_superuser

    def test_says_points_that_are_money_as_money(self, root, unit):
        unit.is_money = True
        unit.save()
        forget_cache()
        said = changed(root, the_terms(unit), "useterms_form", minimum="7.00")
        assert ": €4.30 → €7.00" in said

    def test_says_each_amount_in_the_money_that_it_was_and_is(self, root, unit):
        said = changed(root, unit.program, "program_form", **{"worths-0-amount": "4", "worths-0-currency": "PLN"})
        assert "€1.00 → PLN4.00" in said.replace("PLN 4.00", "PLN4.00")


class TestTheHistoryOfAMember:
    @pytest.fixture
    def member(self, unit, customer):
        return join(program=unit.program, user_id=customer.pk, at=clock.now())

    def test_holds_what_was_done_by_hand_without_reason_or_name(self, root, member):
        url = reverse("admin:loyalty_program_member_adjust", args=[member.pk])
        token = "1b671a64-40d5-491e-99b0-da01ff1f3341"
        assert root.post(url, {"token": token, "points": "25", "reason": "Parcel"}).status_code == 302
        row = LogEntry.objects.get()
        assert (row.change_message, row.object_repr) == (
            "By hand: +25 paws".replace(" paws", "\xa0paws"),
            str(member.public_id),
        )
        page = root.get(reverse("admin:loyalty_program_member_history", args=[member.pk])).content.decode()
        assert "By hand: +25" in page
