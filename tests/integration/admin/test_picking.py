"""Categories and products picked in the form of a rule; an order says whether they count."""

import pytest
from django.test import Client
from django.urls import reverse
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model
from oscar.test.factories import create_product

from loyalty_oscar.earning.models import Award, Rule
from loyalty_oscar.program.models import ProductSet
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from tests.storefront import TODAY, a_club_without_rules, a_product, a_user, buy, day

from .test_rules import ADD, page, read_back, typed
from .test_saved_unchanged import Form, save_unchanged

Range = get_model("offer", "Range")


@pytest.fixture
def unit(db):
    return a_club_without_rules()


@pytest.fixture
def shop(unit):
    """Dog beds in a category below another, a toy in none, and a lead."""
    category = create_from_breadcrumbs("Dogs > Beds")
    found = {name: a_product(name) for name in ("Bed", "Toy", "Lead")}
    get_model("catalogue", "ProductCategory").objects.create(product=found["Bed"], category=category)
    return found | {"Dogs": category.get_parent(), "Beds": category}


@pytest.fixture
def save(root, unit):
    def saved(rule=None, **fields):
        data = typed(name="Tried", p_points="5", **{"unit": unit.pk} if rule is None else {}, **fields)
        with clock.at(day(1, 1) if rule is None else day(2, 1)):
            answer = root.post(page(rule) if rule else f"{ADD}?type=per-unit", data)
        assert answer.status_code == 302, answer.context["errors"]
        forget_cache()
        return Rule.objects.get(code="tried")

    return saved


@pytest.fixture
def brings(unit):
    """What each of some products brings."""

    def points(*products):
        forget_cache()
        orders = [buy(a_user(f"{product}{TODAY.minute}{pk}@example.com"), (product, 1), on=TODAY)
                  for pk, product in enumerate(products)]  # fmt: skip
        return [Award.objects.get(source_id=order.pk).points for order in orders]

    return points


class TestWhatIsPicked:
    def test_counts_with_what_is_in_the_categories_below(self, save, shop, brings):
        save(inside_categories=shop["Dogs"].pk, inside_products=shop["Toy"].pk)
        assert brings(shop["Bed"], shop["Toy"], shop["Lead"]) == [5, 5, 0]
        assert ProductSet.objects.get().name == "Dogs, Toy"

    def test_does_not_count_where_it_stands_under_not_on(self, save, shop, brings):
        save(outside_categories=shop["Beds"].pk, outside_products=shop["Toy"].pk)
        assert brings(shop["Bed"], shop["Toy"], shop["Lead"]) == [0, 0, 5]

    def test_counts_beside_a_set_that_is_ticked(self, save, shop, brings):
        from tests.integration.exclusives.sales import a_set

        a_set(shop["Lead"], code="leads")
        save(inside="leads", inside_products=shop["Toy"].pk)
        assert brings(shop["Bed"], shop["Toy"], shop["Lead"]) == [0, 5, 5]

    def test_is_named_in_the_sentence_of_the_rule_also_before_it_is_saved(self, root, unit, shop):
        data = typed(name="Tried", unit=unit.pk, p_points="5", inside_categories=shop["Dogs"].pk, _preview="1")
        answer = root.post(f"{ADD}?type=per-unit", data)
        assert read_back(answer).startswith("5 paws for each piece, on Dogs")
        assert (ProductSet.objects.count(), Range.objects.count(), Rule.objects.count()) == (0, 0, 0)

    def test_is_one_set_for_two_rules_that_pick_the_same(self, root, unit, save, shop):
        save(inside_products=shop["Toy"].pk)
        data = typed(name="Other", unit=unit.pk, p_points="9", inside_products=shop["Toy"].pk)
        assert root.post(f"{ADD}?type=per-unit", data).status_code == 302
        assert (ProductSet.objects.count(), Range.objects.count()) == (1, 1)

    def test_is_shown_where_it_was_picked_and_saved_unchanged(self, root, save, shop):
        rule = save(inside_categories=[shop["Beds"].pk], inside_products=[shop["Toy"].pk, shop["Lead"].pk])
        data = Form(root.get(page(rule)).content.decode()).data
        assert data["inside_categories"] == [str(shop["Beds"].pk)]
        assert sorted(data["inside_products"]) == sorted(str(shop[name].pk) for name in ("Toy", "Lead"))
        assert "inside" not in data
        save_unchanged(root, page(rule), "en")

    def test_that_the_shop_changed_in_the_range_meanwhile_is_shown_and_saved_unchanged(self, root, save, shop):
        rule = save(inside_products=[shop["Toy"].pk])
        Range.objects.get().add_product(shop["Lead"])
        data = Form(root.get(page(rule)).content.decode()).data
        assert sorted(data["inside_products"]) == sorted(str(shop[name].pk) for name in ("Toy", "Lead"))
        save_unchanged(root, page(rule), "en")

    def test_anew_makes_the_next_version_of_the_same_rule(self, save, shop, brings):
        rule = save(inside_products=shop["Toy"].pk)
        save(rule, inside_products=shop["Lead"].pk)
        assert [Rule.objects.count(), rule.versions.count(), ProductSet.objects.count()] == [1, 2, 2]
        assert brings(shop["Toy"], shop["Lead"]) == [0, 5]

    def test_that_is_not_there_is_refused_at_its_field(self, root, unit, shop):
        for field in ("inside_products", "outside_categories"):
            for silly in ("0", "-1", "x", "9" * 30):
                data = typed(name="Tried", unit=unit.pk, p_points="5", **{field: silly})
                answer = root.post(f"{ADD}?type=per-unit", data)
                assert list(answer.context["adminform"].form.errors) == [field]
        assert (Rule.objects.count(), ProductSet.objects.count()) == (0, 0)

    def test_is_found_by_a_part_of_its_name(self, root, shop):
        asked = {"app_label": "offer", "model_name": "range", "field_name": "included_products", "term": "Le"}
        found = root.get(reverse("admin:autocomplete"), asked).json()["results"]
        assert [one["id"] for one in found] == [str(shop["Lead"].pk)]

    def test_has_a_name_that_counts_what_it_does_not_name(self, save, shop):
        more = [a_product(f"Ball {number}") for number in range(3)]
        save(inside_products=[one.pk for one in [*more, shop["Toy"], shop["Lead"]]])
        assert ProductSet.objects.get().name.endswith(" and 2 more")


class TestLookingForProducts:
    FIND = reverse("admin:loyalty_program_program_find_products")

    @pytest.mark.parametrize(
        ("right", "status"),
        [
            ("loyalty_earning.add_rule", 200),
            ("loyalty_program.change_reward", 200),
            ("loyalty_program.view_reward", 403),
        ],
    )
    def test_asks_for_no_right_but_that_to_write_what_picks_them(self, shop, staff, right, status):
        assert staff(right)[1].get(self.FIND, {"term": "bed"}).status_code == status
        assert Client().get(self.FIND).status_code == 302

    def test_finds_by_parts_of_names_and_by_upc_and_variants_by_their_product(self, root, shop):
        child = create_product(structure="child", parent=shop["Lead"], title="", upc="red-7")
        for term, found in {
            "ed b": ["Bed"],
            "LEA": [child, "Lead"],
            "red-7": [child],
            "lead red": [child],
            "x": [],
        }.items():
            answer = root.get(self.FIND, {"term": term, "page": "1"}).json()
            right = [shop[one] if isinstance(one, str) else one for one in found]
            assert [(row["id"], row["text"]) for row in answer["results"]] == [(str(one.pk), str(one)) for one in right]
            assert answer["pagination"] == {"more": False}

    def test_answers_twenty_at_a_time_and_to_silly_pages_too(self, root, shop):
        for number in range(22):
            a_product(f"Ball {number:02}")
        answers = [root.get(self.FIND, {"term": "ball", "page": page}).json() for page in ("1", "2", "x", "-1\x00")]
        assert [(len(one["results"]), one["pagination"]["more"]) for one in answers[:2]] == [(20, True), (2, False)]
        assert len(answers[2]["results"]) == 20
