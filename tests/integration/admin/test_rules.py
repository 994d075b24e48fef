"""The pages of rules in the admin."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar, Literal

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from loyalty_oscar.earning.decision import decide
from loyalty_oscar.earning.models import Rule, RuleBudget, RuleVersion
from loyalty_oscar.earning.operations import save_rule, switch_rule
from loyalty_oscar.earning.queries import rule_book
from loyalty_oscar.earning.rules import Terms, build, conditions, earning_rules
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.errors import BadRule
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import ProductSet, Program, Segment
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.earning.doctor import rules
from loyalty_oscar.tiers.models import Ladder, Tier
from tests import docs
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.orders import imported
from tests.storefront import text_of
from tests.unit.earning.purchases import a_line, a_purchase

INLINE = {"versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0}
ADD = reverse("admin:loyalty_earning_rule_add")
LIST = reverse("admin:loyalty_earning_rule_changelist")


def page(rule):
    return reverse("admin:loyalty_earning_rule_change", args=[rule.pk])


def typed(**fields):
    return {"name": "Double May", "is_on": "on", "minimum_currency": "EUR", **INLINE, **fields}


def read_back(response):
    return strip_tags(response.context["sentence"]).replace("\xa0", " ")


@pytest.fixture
def base(unit):
    return Rule.objects.get(code="base")


@pytest.fixture
def sets(db):
    return [
        ProductSet.objects.create(code=code, name=name) for code, name in [("cats", "Cat food"), ("cards", "Cards")]
    ]


class TestARuleThatIsOver:
    ADD = f"{ADD}?type=per-order"

    @pytest.mark.parametrize("last", ["2020-01-01", "1900-01-01"])
    def test_is_refused_unless_it_is_off(self, root, unit, last):
        response = root.post(self.ADD, typed(unit=unit.pk, p_points="5", last=last))
        found = response.context["adminform"].form.errors
        assert found == {"last": ["That is over already. Choose a later day, or switch it off."]}
        assert root.post(self.ADD, typed(unit=unit.pk, p_points="5", last=last, is_on="")).status_code == 302

    def test_stays_as_it_is_and_is_not_in_force(self, root, unit, base):
        dates = [{"code": "dates", "params": {"last": "2020-01-01"}}]
        told = {"name": "Old", "type": "per-order", "params": {"points": 5}, "narrowed": dates, "is_on": True}
        rule = save_rule(unit=unit, code="old", actor="system", at=clock.now(), **told)
        assert root.post(page(rule), typed(name="Older", p_points="5", last="2020-01-01")).status_code == 302
        assert "Its last day has passed, so it brings nothing any more." in text_of(root.get(page(rule)))
        over = root.get(LIST, {"in_force": "over"}).context["cl"].result_list
        assert [row.code for row in over] == ["old"]
        switch_rule(rule=base, is_on=False, actor="system", at=clock.now())
        forget_cache()
        Program.objects.update(state="live")
        said = [one.text for one in rules(at=clock.now())]
        assert f"“{unit.program}” has no rule in force: orders bring nothing" in said


class TestAListThatARuleNames:
    def test_is_not_deleted_and_the_page_names_the_rule(self, root, unit):
        segment = Segment.objects.create(program=unit.program, code="breeders", name="Breeders")
        root.post(f"{ADD}?type=per-order", typed(unit=unit.pk, p_points="5", segment=segment.pk))
        switch_rule(rule=Rule.objects.get(code="double-may"), is_on=False, actor="system", at=clock.now())
        delete = reverse("admin:loyalty_program_segment_delete", args=[segment.pk])
        said = "names this group, and orders keep what held on their day."
        assert text_of(root.get(delete)).count(said) == 1
        assert said in text_of(root.post(delete, {"post": "yes"}))
        many = {"action": "delete_selected", "_selected_action": [segment.pk], "post": "yes"}
        root.post(reverse("admin:loyalty_program_segment_changelist"), many)
        assert Segment.objects.filter(pk=segment.pk).exists()

    def test_goes_where_none_does(self, root, unit):
        segment = Segment.objects.create(program=unit.program, code="breeders", name="Breeders")
        delete = reverse("admin:loyalty_program_segment_delete", args=[segment.pk])
        assert root.post(delete, {"post": "yes"}).status_code == 302
        assert not Segment.objects.exists()


class TestANewRule:
    def test_asks_for_its_kind_first(self, root, unit):
        response = root.get(ADD)
        assert [code for code, *_ in response.context["types"]] == [
            "every-nth",
            "first-order",
            "multiplier",
            "per-amount",
            "per-order",
            "per-unit",
        ]

    def test_is_saved_as_its_first_version_with_amounts_in_cents(self, root, unit):
        data = typed(name="Small steps", unit=unit.pk, p_currency="EUR", p_points="2", p_step_minor="1.50")
        response = root.post(f"{ADD}?type=per-amount", data)
        assert response.status_code == 302, response.context["errors"]
        rule = Rule.objects.get(code="small-steps")
        assert rule.versions.get().params == {"currency": "EUR", "points": 2, "step_minor": 150}
        assert rule.versions.get().actor.startswith("staff:")

    def test_takes_every_condition_from_plain_fields(self, root, unit, sets):
        data = typed(unit=unit.pk, p_percent="1.5", p_group="campaign", inside="cats", outside="cards", minimum="30")
        data |= {"first": "2096-05-01", "last": "2096-05-31"}
        response = root.post(f"{ADD}?type=multiplier", data)
        assert response.status_code == 302, response.context["errors"]
        version = Rule.objects.get(code="double-may").versions.get()
        assert version.params == {"percent": 150, "group": "campaign"}
        assert version.conditions == [
            {"code": "product-set", "params": {"sets": ["cats"]}},
            {"code": "product-set", "params": {"sets": ["cards"], "outside": True}},
            {"code": "minimum-spend", "params": {"currency": "EUR", "minimum_minor": 3000}},
            {"code": "dates", "params": {"first": "2096-05-01", "last": "2096-05-31"}},
        ]
        assert read_back(root.get(page(Rule.objects.get(code="double-may")))) == (
            "1.5 times the paws for what you spend on Cat food, except Cards, in orders of at least €30.00, "
            "from 1 May 2096 to 31 May 2096."
        )

    def test_may_not_take_the_code_of_another(self, root, unit, base):
        response = root.post(f"{ADD}?type=first-order", typed(code="base", unit=unit.pk, p_points="100"))
        assert "code" in response.context["adminform"].form.errors
        assert RuleVersion.objects.count() == 1
        assert Rule.objects.get().type == "per-amount"

    @pytest.mark.parametrize(
        ("kind", "fields", "wrong"),
        [
            ("per-amount", {"p_currency": "EUR", "p_points": "0", "p_step_minor": "1"}, "p_points"),
            ("per-amount", {"p_currency": "EUR", "p_points": "1", "p_step_minor": "0"}, "p_step_minor"),
            ("per-amount", {"p_currency": "EUR", "p_points": "1", "p_step_minor": "much"}, "p_step_minor"),
            ("per-amount", {"p_currency": "GBP", "p_points": "1", "p_step_minor": "1"}, "p_currency"),
            ("per-amount", {"p_currency": "EUR", "p_points": "1", "p_step_minor": "1", "minimum": "-3"}, "minimum"),
            ("multiplier", {"p_percent": "1", "p_group": "campaign"}, "p_percent"),
            ("multiplier", {"p_percent": "101", "p_group": "campaign"}, "p_percent"),
            ("first-order", {"p_points": ""}, "p_points"),
            ("first-order", {"p_points": "5", "first": "soon"}, "first"),
            ("first-order", {"p_points": "5", "first": "2026-06-01", "last": "2026-05-01"}, "last"),
            ("first-order", {"p_points": "5", "inside": "nothing"}, "inside"),
            ("first-order", {"p_points": "5", "name": ""}, "name"),
            ("first-order", {"p_points": "5", "name": "***"}, "code"),
        ],
    )
    def test_says_beside_the_field_what_is_wrong_and_writes_nothing(self, root, unit, kind, fields, wrong):
        response = root.post(f"{ADD}?type={kind}", typed(**{"unit": unit.pk, **fields}))
        assert list(response.context["adminform"].form.errors) == [wrong]
        assert RuleVersion.objects.count() == 1


class TestASavedRule:
    def test_reads_itself_back_as_the_largest_thing(self, root, base):
        assert read_back(root.get(page(base))) == "1 paw for each €1.00, on everything."

    def test_shows_its_amounts_as_money(self, root, base):
        assert root.get(page(base)).context["adminform"].form["p_step_minor"].value() == 1

    def test_gets_a_next_version_and_keeps_the_old_one(self, root, base):
        data = typed(name="Base", p_currency="EUR", p_points="2", p_step_minor="1.00")
        assert root.post(page(base), data).status_code == 302
        assert [v.params["points"] for v in base.versions.all()] == [1, 2]

    def test_gets_no_version_where_nothing_changed(self, root, base):
        data = typed(name="Base", p_currency="EUR", p_points="1", p_step_minor="1.00")
        assert root.post(page(base), data).status_code == 302
        assert base.versions.count() == 1

    def test_keeps_a_condition_that_the_page_cannot_show(self, root, base, sets):
        twice = [{"code": "product-set", "params": {"sets": [code]}} for code in ("cats", "cards")]
        RuleVersion.objects.create(
            rule=base,
            number=2,
            params=base.versions.get().params,
            conditions=twice,
            valid_from=base.versions.get().valid_from,
        )
        data = typed(name="Base", p_currency="EUR", p_points="3", p_step_minor="1.00", inside="cats")
        assert root.post(page(base), data).status_code == 302
        assert base.versions.last().conditions == twice

    def test_is_listed_by_its_kind(self, root, base):
        url = reverse("admin:loyalty_earning_rule_changelist")
        assert root.get(url + "?type=per-amount").context["cl"].result_count == 1
        assert root.get(url + "?type=multiplier").context["cl"].result_count == 0

    def test_stands_in_the_history_of_its_page(self, root, base):
        root.post(page(base), typed(name="Base", p_currency="EUR", p_points="2", p_step_minor="1.00"))
        history = root.get(reverse("admin:loyalty_earning_rule_history", args=[base.pk]))
        assert "How much" in history.content.decode()

    def test_is_previewed_without_being_saved(self, root, base):
        data = typed(name="Base", p_currency="EUR", p_points="7", p_step_minor="1.00", _preview="1")
        assert read_back(root.post(page(base), data)) == "7 paws for each €1.00, on everything."
        assert base.versions.count() == 1

    def test_is_switched_off_from_the_list(self, root, base):
        data = {"action": "switch_off", "_selected_action": [base.pk]}
        root.post(reverse("admin:loyalty_earning_rule_changelist"), data)
        assert [v.is_on for v in base.versions.all()] == [True, False]

    def test_is_deleted_only_if_it_was_never_in_force(self, root, unit):
        at = clock.now()
        told = {"unit": unit, "type": "per-order", "params": {"points": 5}, "actor": "staff:1", "at": at}
        draft = save_rule(code="draft", name="Draft", is_on=False, **told)
        was_on = save_rule(code="was-on", name="Was on", **told)
        switch_rule(rule=was_on, is_on=False, actor="staff:1", at=at + timedelta(seconds=1))
        for rule, status in ((draft, 302), (was_on, 403)):
            address = reverse("admin:loyalty_earning_rule_delete", args=[rule.pk])
            assert root.post(address, {"post": "yes"}).status_code == status
        assert list(Rule.objects.filter(pk__in=[draft.pk, was_on.pk])) == [was_on]

    def test_is_never_deleted(self, root, base):
        response = root.post(reverse("admin:loyalty_earning_rule_delete", args=[base.pk]), {"post": "yes"})
        assert response.status_code == 403
        assert Rule.objects.filter(pk=base.pk).exists()

    def test_is_only_read_by_somebody_who_may_only_look(self, staff, base):
        _user, client = staff("loyalty_earning.view_rule", "loyalty_earning.view_ruleversion")
        assert client.get(page(base)).status_code == 200
        assert client.post(page(base), typed(name="x")).status_code == 403
        assert client.get(ADD).status_code == 403
        assert base.versions.count() == 1

    def test_says_so_when_its_code_is_gone_and_can_be_switched_off(self, root, base):
        Rule.objects.filter(pk=base.pk).update(type="per-kilo")
        assert "no longer works" in read_back(root.get(page(base)))
        root.post(
            reverse("admin:loyalty_earning_rule_changelist"), {"action": "switch_off", "_selected_action": [base.pk]}
        )
        assert base.versions.last().is_on is False


class TestThePreview:
    def preview(self, response):
        (panel,) = response.context["panels"]
        return " ".join(strip_tags(panel.replace("<", " <")).replace("\xa0", " ").split())

    @pytest.fixture
    def order(self, customer):
        return imported(user=customer, lines=[("36.80", 1), ("11.20", 1)], placed_at=clock.now())

    def test_says_what_an_order_would_bring_without_a_rule_in_force(self, root, base, order):
        assert "€48.00 0 paws 48 paws +48 paws (worth €0.48)" in self.preview(root.get(page(base)))

    def test_sets_what_is_typed_beside_what_is_in_force(self, root, base, order):
        data = typed(name="Base", p_currency="EUR", p_points="2", p_step_minor="1.00", _preview="1")
        assert "€48.00 48 paws 96 paws +48 paws" in self.preview(root.post(page(base), data))

    def test_leaves_dates_aside(self, root, unit, base, order):
        data = typed(unit=unit.pk, p_percent="2", p_group="campaign", first="2090-01-01", _preview="1")
        text = self.preview(root.post(f"{ADD}?type=multiplier", data))
        assert "48 paws 96 paws" in text
        assert "dates of the rule are left aside" in text
        assert Rule.objects.count() == 1

    def test_says_so_where_nothing_changes(self, root, unit, base, order):
        data = typed(unit=unit.pk, p_percent="2", p_group="campaign", minimum="50", _preview="1")
        assert "No difference" in self.preview(root.post(f"{ADD}?type=multiplier", data))

    def test_says_so_where_there_are_no_orders(self, root, base):
        assert "no orders of customers yet" in self.preview(root.get(page(base)))


class TestALevel:
    """Asked for by name, as where a sale opens its doors."""

    URL = f"{ADD}?type=multiplier"

    @pytest.fixture
    def ladder(self, unit):
        return a_ladder(unit=unit)

    @pytest.fixture
    def gold(self, unit, ladder):
        return save_rule(
            unit=unit, code="gold", name="Gold", type="multiplier", params={"percent": 300},
            narrowed=[{"code": "tier", "params": {"rank": 3}}], actor="system", at=clock.now(),
        )  # fmt: skip

    def typed(self, unit, **fields):
        return typed(unit=unit.pk, p_percent="3", p_group="campaign", **fields)

    def test_is_chosen_by_its_name(self, root, unit, ladder):
        field = root.get(self.URL).context["adminform"].form.fields["level"]
        assert field.choices == [("", "everybody"), (1, "Bronze"), (2, "Silver"), (3, "Gold")]

    def test_is_saved_with_the_rule_and_read_back_by_its_name(self, root, unit, ladder):
        response = root.post(self.URL, self.typed(unit, level="2"))
        assert response.status_code == 302, response.context["errors"]
        version = RuleVersion.objects.get(rule__type="multiplier")
        assert version.conditions == [{"code": "tier", "params": {"rank": 2}}]
        response = root.get(page(version.rule))
        assert read_back(response).endswith("on everything, for members of level Silver or higher.")
        assert response.context["adminform"].form["level"].value() == 2

    def test_is_left_out_for_everybody(self, root, unit, ladder):
        assert root.post(self.URL, self.typed(unit, level="")).status_code == 302
        assert RuleVersion.objects.get(rule__type="multiplier").conditions == []

    @pytest.mark.parametrize("rank", ["0", "4", "99", "gold"])
    def test_is_refused_beyond_the_ladder(self, root, unit, ladder, rank):
        response = root.post(self.URL, self.typed(unit, level=rank))
        assert list(response.context["adminform"].form.errors) == ["level"]
        assert not Rule.objects.filter(type="multiplier").exists()

    def test_is_refused_where_the_chosen_program_has_none(self, root, unit, ladder):
        other = a_program(code="other", name="Other", is_default=False)
        response = root.post(self.URL, {**self.typed(unit, level="2"), "unit": other.pk})
        errors = response.context["adminform"].form.errors
        assert errors == {"level": ["“Other” has no such level."]}

    def test_is_not_asked_for_where_there_are_none(self, root, unit):
        assert b'name="level"' not in root.get(self.URL).content

    def test_stays_on_the_page_of_a_rule_whose_level_is_gone(self, root, unit, ladder, gold):
        Tier.objects.filter(rank=3).delete()
        forget_cache()
        response = root.get(page(gold))
        assert "for members of level 3, which is not there." in read_back(response)
        assert response.context["adminform"].form.fields["level"].choices[-1] == (3, "level 3, which is not there")
        assert root.post(page(gold), self.typed(unit, level="3", name="Gilt")).status_code == 302
        assert Rule.objects.get(pk=gold.pk).name == "Gilt"
        assert gold.versions.last().conditions == [{"code": "tier", "params": {"rank": 3}}]

    def test_is_not_lost_while_the_levels_are_switched_off(self, root, unit, ladder, gold):
        Ladder.objects.update(is_on=False)
        forget_cache()
        assert b'name="level"' in root.get(page(gold)).content

    def test_is_refused_beyond_the_ladder_by_the_operation_too(self, unit, ladder):
        with pytest.raises(BadRule, match=r"there is no level 4; .* 1 Bronze, 2 Silver, 3 Gold"):
            save_rule(
                unit=unit, code="x", name="x", type="multiplier", params={"percent": 300},
                narrowed=[{"code": "tier", "params": {"rank": 4}}], actor="system", at=clock.now(),
            )  # fmt: skip
        assert not Rule.objects.filter(code="x").exists()

    def test_that_is_missing_is_said_in_plain_words(self, unit, ladder):
        with pytest.raises(BadRule, match=r"^tier needs rank$"):
            build(registry=conditions, code="tier", params={})


@pytest.fixture
def per_kilo():
    @dataclass(frozen=True, kw_only=True)
    class PerKilo:
        """So many points for each kilogram."""

        stage: ClassVar[str] = "unit"
        points: int
        price_minor: int
        brands: tuple[str, ...]
        loud: bool = False

        def __post_init__(self):
            if self.points > 10:
                raise BadRule("points are at most 10")

        def because(self):
            return Because("per_kilo", points=self.points)

    earning_rules.register("per-kilo")(PerKilo)
    yield
    earning_rules.unregister("per-kilo")


@pytest.fixture
def own_rules():
    with docs.own_rules():
        yield


@pytest.fixture
def weekend():
    @dataclass(frozen=True, kw_only=True)
    class Weekday:
        day: int

        def __post_init__(self):
            if not 0 <= self.day <= 6:
                raise BadRule("day is 0 to 6")

        def admits(self, *, purchase, terms):
            return True

        def covers(self, *, line):
            return True

    conditions.register("weekday")(Weekday)
    yield
    conditions.unregister("weekday")


@pytest.fixture
def per_crate():
    @dataclass(frozen=True, kw_only=True, slots=True)
    class PerCrate:
        stage: ClassVar[str] = "unit"
        points: int = 3
        price_minor: int = 250
        brands: tuple[str, ...] = ("Miau",)
        shops: tuple[int, ...] = ()
        size: Literal[1, 2] = 2

        def because(self):
            return Because("per_crate", points=self.points)

    earning_rules.register("per-crate")(PerCrate)
    yield
    earning_rules.unregister("per-crate")


@pytest.fixture
def till():
    @dataclass(frozen=True, kw_only=True)
    class Till:
        number: Literal[1, 2, 3]
        products: tuple[int, ...] = ()

        def admits(self, *, purchase, terms):
            return True

        def covers(self, *, line):
            return True

    conditions.register("till")(Till)
    yield
    conditions.unregister("till")


class TestARuleOfTheStoresOwn:
    data = {"p_points": "3", "p_price_minor": "2.50", "p_brands": "Miau, Wau", "p_loud": "on"}

    def test_gets_a_form_from_its_fields(self, root, unit, per_kilo):
        response = root.post(f"{ADD}?type=per-kilo", typed(unit=unit.pk, **self.data))
        assert response.status_code == 302, response.context["errors"]
        version = Rule.objects.get(type="per-kilo").versions.get()
        assert version.params == {"points": 3, "price_minor": 250, "brands": ["Miau", "Wau"], "loud": True}
        assert root.get(page(version.rule)).context["adminform"].form["p_brands"].value() == "Miau, Wau"

    def test_says_what_it_refuses_on_the_field_that_it_names(self, root, unit, per_kilo):
        response = root.post(f"{ADD}?type=per-kilo", typed(unit=unit.pk, **{**self.data, "p_points": "11"}))
        assert response.context["adminform"].form.errors == {"p_points": ["points are at most 10"]}
        assert not Rule.objects.filter(type="per-kilo").exists()

    def test_keeps_numbers_of_choices_and_lists_as_numbers(self, root, unit, till):
        data = typed(unit=unit.pk, p_points="5", use_till="on", c_till_number="2", c_till_products="7, 12")
        assert root.post(f"{ADD}?type=first-order", data).status_code == 302
        version = Rule.objects.get(type="first-order").versions.get()
        assert version.conditions == [{"code": "till", "params": {"number": 2, "products": [7, 12]}}]
        shown = root.get(page(version.rule)).context["adminform"].form
        assert 'value="2" selected' in str(shown["c_till_number"])
        assert shown["c_till_products"].value() == "7, 12"

    def test_shows_what_its_fields_are_without_being_typed(self, root, unit, per_crate):
        form = root.get(f"{ADD}?type=per-crate").context["adminform"].form
        assert [str(form[name].value()) for name in ("p_points", "p_price_minor", "p_brands")] == ["3", "2.50", "Miau"]
        assert [form[name].value() for name in ("p_shops", "p_size")] == ["", 2]
        told = {name: form[name].value() for name in ("p_points", "p_price_minor", "p_brands", "p_shops", "p_size")}
        assert root.post(f"{ADD}?type=per-crate", typed(unit=unit.pk, **told)).status_code == 302
        version = Rule.objects.get(type="per-crate").versions.get()
        assert version.params == {"points": 3, "price_minor": 250, "brands": ["Miau"], "size": 2}

    def test_refuses_words_in_a_list_of_numbers_beside_it(self, root, unit, till):
        data = typed(unit=unit.pk, p_points="5", use_till="on", c_till_number="2", c_till_products="7, x")
        response = root.post(f"{ADD}?type=first-order", data)
        assert response.context["adminform"].form.errors == {"c_till_products": ["Enter a whole number."]}

    def test_takes_a_condition_of_the_stores_own(self, root, unit, weekend):
        data = typed(unit=unit.pk, p_points="5", use_weekday="on", c_weekday_day="6")
        assert root.post(f"{ADD}?type=first-order", data).status_code == 302
        version = Rule.objects.get(type="first-order").versions.get()
        assert version.conditions == [{"code": "weekday", "params": {"day": 6}}]
        assert root.get(page(version.rule)).context["adminform"].form["c_weekday_day"].value() == 6

    def test_is_not_dropped_where_its_condition_was_typed_without_the_tick(self, root, unit, weekend):
        response = root.post(f"{ADD}?type=first-order", typed(unit=unit.pk, p_points="5", c_weekday_day="6"))
        assert list(response.context["adminform"].form.errors) == ["use_weekday"]
        assert not Rule.objects.filter(type="first-order").exists()

    def test_asks_for_what_a_ticked_condition_cannot_be_without(self, root, unit, weekend):
        response = root.post(f"{ADD}?type=first-order", typed(unit=unit.pk, p_points="5", use_weekday="on"))
        errors = response.context["adminform"].form.errors
        assert errors == {"c_weekday_day": ["Fill this in, or take the tick away above it."]}
        assert not Rule.objects.filter(type="first-order").exists()

    def test_loses_a_condition_whose_tick_is_taken_away(self, root, unit, weekend):
        data = typed(unit=unit.pk, p_points="5", use_weekday="on", c_weekday_day="6")
        root.post(f"{ADD}?type=first-order", data)
        rule = Rule.objects.get(type="first-order")
        del data["use_weekday"]
        assert root.post(page(rule), data).status_code == 302
        assert rule.versions.last().conditions == []

    def test_offers_nothing_as_the_first_choice_of_a_condition(self, root, unit, own_rules):
        field = root.get(f"{ADD}?type=first-order").context["adminform"].form.fields["c_weekday_day"]
        assert field.choices[:2] == [("", "–"), ("Mon", "Mon")]
        assert (
            root.post(f"{ADD}?type=first-order", typed(unit=unit.pk, p_points="5", c_weekday_day="")).status_code == 302
        )

    def test_says_what_a_condition_refuses_beside_it(self, root, unit, weekend):
        data = typed(unit=unit.pk, p_points="5", use_weekday="on", c_weekday_day="9")
        response = root.post(f"{ADD}?type=first-order", data)
        assert list(response.context["adminform"].form.errors) == ["c_weekday_day"]
        assert not Rule.objects.filter(type="first-order").exists()


class TestWhenAndHowMany:
    """Days, hours, pieces and groups of members, in plain fields."""

    TYPED: ClassVar = {
        "days": ["7", "6"],
        "start": "18:00",
        "end": "22:30",
        "order_pieces": "3",
        "line_pieces": "2",
        "cap": "70",
    }

    def test_are_saved_and_shown_again(self, root, unit):
        segment = Segment.objects.create(program=unit.program, code="breeders", name="Breeders")
        response = root.post(
            f"{ADD}?type=per-order", typed(unit=unit.pk, p_points="50", segment=segment.pk, **self.TYPED)
        )
        assert response.status_code == 302, response.context["errors"]
        version = RuleVersion.objects.get(rule__type="per-order")
        assert version.conditions == [
            {"code": "weekdays", "params": {"days": [6, 7]}},
            {"code": "hours", "params": {"start": "18:00", "end": "22:30"}},
            {"code": "order-pieces", "params": {"pieces": 3}},
            {"code": "line-pieces", "params": {"pieces": 2}},
            {"code": "cap-per-order", "params": {"points": 70}},
            {"code": "segment", "params": {"segment": segment.pk}},
        ]
        shown = root.get(page(version.rule)).context["adminform"].form
        assert shown["days"].value() == [6, 7]
        assert [str(shown[name].value()) for name in ("start", "end")] == ["18:00:00", "22:30:00"]
        assert [shown[name].value() for name in ("order_pieces", "line_pieces", "cap")] == [3, 2, 70]
        assert shown["segment"].value() == segment.pk

    def test_are_read_back(self, root, unit):
        data = typed(unit=unit.pk, p_points="50", p_pieces="3", _preview="1", **self.TYPED)
        assert read_back(root.post(f"{ADD}?type=every-nth", data)) == (
            "50 paws for every 3 pieces in one order, on everything, at weekends (Saturday and Sunday), "
            "ordered from 18:00 on and before 22:30, in orders with at least 3 paid pieces, "
            "from 2 pieces of one product on, at most 70 paws an order."
        )

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"days": ["8"]}, "days"),
            ({"days": ["Sunday"]}, "days"),
            ({"start": "25:00"}, "start"),
            ({"start": "22:00", "end": "02:00"}, "end"),
            ({"start": "18:00", "end": "18:00"}, "end"),
            ({"start": "18:00:30"}, "start"),
            ({"order_pieces": "0"}, "order_pieces"),
            ({"order_pieces": "10001"}, "order_pieces"),
            ({"line_pieces": "-1"}, "line_pieces"),
            ({"line_pieces": "1.5"}, "line_pieces"),
            ({"segment": "99"}, "segment"),
            ({"segment": "breeders"}, "segment"),
            ({"cap": "0"}, "cap"),
            ({"cap": "10000001"}, "cap"),
            ({"cap": "many"}, "cap"),
        ],
    )
    def test_are_refused_where_they_make_no_sense(self, root, unit, fields, wrong):
        response = root.post(f"{ADD}?type=per-order", typed(unit=unit.pk, p_points="50", **fields))
        assert list(response.context["adminform"].form.errors) == [wrong]
        assert not Rule.objects.filter(type="per-order").exists()

    def test_are_refused_for_a_list_of_another_program(self, root, unit):
        other = Segment.objects.create(
            program=a_program(code="other", is_default=False).program, code="theirs", name="Theirs"
        )
        response = root.post(f"{ADD}?type=per-order", typed(unit=unit.pk, p_points="50", segment=other.pk))
        assert list(response.context["adminform"].form.errors) == ["segment"]


class TestWhatIsGivenBack:
    """Said beside the rule in percent, and asked about where it is a lot."""

    URL = f"{ADD}?type=per-amount"

    def typed(self, unit, points, **fields):
        told = {"p_currency": "EUR", "p_points": points, "p_step_minor": "1.00", **fields}
        return typed(**{"name": "More", "unit": unit.pk, **told})

    def said(self, response):
        return response.context["give_back"].replace("\xa0", " ")

    def test_stands_beside_the_rule(self, root, base):
        assert self.said(root.get(page(base))) == "You give back 1 % of the money paid, with what counts everywhere."

    def test_says_where_it_ends_and_where_what_counts_anyway_does(self, root, unit, base):
        told = {"unit": unit, "type": "multiplier", "actor": "system", "at": clock.now()}
        narrowed = [{"code": code, "params": {"points": 50}} for code in ("cap-per-order", "cap-per-day")]
        save_rule(code="double", name="Double", params={"percent": 200}, narrowed=narrowed, **told)
        forget_cache()
        mosts = "brings at most 50 paws an order, at most 50 paws a day for each member."
        says = "You give back 2 % of the money paid, with what counts everywhere."
        assert self.said(root.get(page(Rule.objects.get(code="double")))) == f"{says} This {mosts}"
        assert self.said(root.get(page(base))) == f"{says} “Double” {mosts}"

    @pytest.mark.parametrize(("taken", "percent"), [(99, "2 %"), (100, "1 %")])
    def test_counts_no_rule_whose_budget_is_spent(self, root, unit, base, taken, percent):
        told = {"unit": unit, "type": "multiplier", "actor": "system", "at": clock.now()}
        narrowed = [{"code": "budget", "params": {"points": 100}}]
        double = save_rule(code="double", name="Double", params={"percent": 200}, narrowed=narrowed, **told)
        RuleBudget.objects.update_or_create(rule=double, defaults={"taken": taken})
        forget_cache()
        assert self.said(root.get(page(base))).startswith(f"You give back {percent} of the money paid")

    @pytest.mark.parametrize(("points", "percent"), [("1", "2 %"), ("3", "4 %"), ("24", "25 %")])
    def test_counts_what_counts_anyway(self, root, unit, points, percent):
        response = root.post(self.URL, self.typed(unit, points, _preview="1"))
        assert percent in self.said(response)
        assert not response.context["adminform"].form.errors

    def test_is_what_an_order_costs_of_what_it_pays(self, root, unit):
        assert root.post(self.URL, self.typed(unit, "3")).status_code == 302
        said = self.said(root.get(page(Rule.objects.get(code="more"))))
        book = rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=clock.now())
        paid = a_purchase(a_line(paid_minor=10_000))
        points = decide(purchase=paid, rules=book, terms=Terms()).points
        assert f"You give back {points // 100} % " in said  # 100 points are worth 1.00, and 100.00 are paid.

    def test_is_told_and_asked_about_where_no_two_decimals_say_it_exactly(self, root, unit):
        response = root.post(self.URL, self.typed(unit, "1", p_step_minor="3.00", _preview="1"))
        assert "You give back 1.33 % " in self.said(response)
        response = root.post(self.URL, self.typed(unit, "100", p_step_minor="3.00"))
        assert "You give back 34.33" in str(response.context["adminform"].form.errors["is_meant"])
        assert not Rule.objects.filter(code="more").exists()

    def test_is_asked_about_where_it_is_a_lot(self, root, unit):
        response = root.post(self.URL, self.typed(unit, "25"))
        assert list(response.context["adminform"].form.errors) == ["is_meant"]
        assert "You give back 26" in str(response.context["adminform"].form.errors)
        assert not Rule.objects.filter(code="more").exists()
        assert root.post(self.URL, self.typed(unit, "25", is_meant="on")).status_code == 302
        assert Rule.objects.filter(code="more").exists()

    def test_is_not_asked_about_again_where_nothing_changes(self, root, unit):
        root.post(self.URL, self.typed(unit, "25", is_meant="on"))
        rule = Rule.objects.get(code="more")
        data = {name: value for name, value in self.typed(unit, "25", name="Much more").items() if name != "unit"}
        assert root.post(page(rule), data).status_code == 302
        assert root.post(page(rule), {**data, "p_points": "26"}).status_code == 200
        assert [version.params["points"] for version in rule.versions.all()] == [25]

    def test_is_asked_about_for_a_multiplier_too(self, root, unit):
        data = typed(unit=unit.pk, p_percent="26", p_group="campaign")
        response = root.post(f"{ADD}?type=multiplier", data)
        assert list(response.context["adminform"].form.errors) == ["is_meant"]

    @pytest.mark.parametrize("kind", ["per-unit", "per-order", "every-nth", "first-order"])
    def test_of_whole_points_is_said_and_asked_about_above_a_fifth_of_a_gift(self, root, unit, kind):
        address, pieces = f"{ADD}?type={kind}", {"p_pieces": "3"} if kind == "every-nth" else {}
        assert root.post(address, typed(unit=unit.pk, p_points="2000", name="Usual", **pieces)).status_code == 302
        response = root.post(address, typed(unit=unit.pk, p_points="9999", **pieces))
        found = response.context["adminform"].form.errors
        assert list(found) == ["is_meant"]
        asked = found["is_meant"][0].replace("\xa0", " ")
        assert asked == "Each time brings €99.99 (9,999 paws), more than the usual €20.00. Tick this if you mean it."
        assert "Worth of 9,999 paws: €99.99." in text_of(response)
        assert root.post(address, typed(unit=unit.pk, p_points="9999", is_meant="on", **pieces)).status_code == 302

    def test_is_no_share_of_the_money_for_whole_points(self, root, unit):
        response = root.post(f"{ADD}?type=per-order", typed(unit=unit.pk, p_points="5000", _preview="1"))
        assert response.context["give_back"] == ""
