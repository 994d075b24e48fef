"""What points may pay for, said on a page of the admin, and the uses to look at."""

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from oscar.apps.catalogue.models import Product
from oscar.test import factories

from loyalty_oscar.program.models import PointWorth, ProductSet, Program
from loyalty_oscar.redemption.models import LeastOrder, Redemption, UseTerms
from loyalty_oscar.redemption.queries import limits_of, terms_of
from loyalty_oscar.shop.redemption.offer import make_offer, our_offers
from loyalty_oscar.testing.factories import AccountFactory, LotFactory, ProgramFactory
from tests.integration.admin.test_program import formset
from tests.integration.admin.test_rewards import as_opened
from tests.points import give, points_club, use
from tests.storefront import a_basket, a_product, text_of

ADD = reverse("admin:loyalty_redemption_useterms_add")
USES = reverse("admin:loyalty_redemption_redemption_changelist")


def page(terms):
    return reverse("admin:loyalty_redemption_useterms_change", args=[terms.pk])


def typed(least=(), initial=0, **fields):
    data = {"is_on": "on", "share": "100", "minimum": "1", "step": "1", "per_day": ""}
    found = data | formset("least_orders", least, initial) | fields
    return {name: value for name, value in found.items() if (name, value) != ("is_on", "")}


def errors(response):
    """What is said beside fields, by field; of the rows below as `row.field`."""
    form, sets = response.context["adminform"].form, response.context["inline_admin_formsets"]
    rows = {f"row.{k}": v[0] for inline in sets for row in inline.formset.forms for k, v in row.errors.items()}
    return {name: said[0] for name, said in form.errors.items()} | rows


@pytest.fixture
def terms(unit):
    return UseTerms.objects.create(program=unit.program)


class TestTheLimitsOfAProgram:
    def test_are_reached_from_its_page(self, root, unit):
        program_page = reverse("admin:loyalty_program_program_change", args=[unit.program_id])
        html = text_of(root.get(program_page))
        assert "Members cannot use what they have yet. Let members use what they have" in html
        assert root.get(f"{ADD}?program={unit.program_id}").status_code == 200
        answer = root.post(ADD, typed(program=unit.program_id, minimum="100", step="100", share="50"))
        assert answer.status_code == 302
        terms = UseTerms.objects.get()
        html = root.get(program_page).content.decode()
        assert page(terms) in html
        assert "Members can use 100\xa0paws or more, in steps of 100, for up to 50 % of the goods." in html

    def test_read_back_what_was_said(self, root, terms):
        shoes = ProductSet.objects.create(code="gift-cards", name="Gift cards")
        data = typed(
            [{"currency": "EUR", "amount": "20.00"}],
            minimum="200", step="100", per_day="500", share="50", excluded_sets=[shoes.pk],
            not_with_vouchers="on", not_on_discounted="on", not_on_exclusive="on",
        )  # fmt: skip
        assert root.post(page(terms), data).status_code == 302
        html = text_of(root.get(page(terms)))
        assert (
            "Members can use 200 paws or more, in steps of 100, at most 500 paws a day, for up to 50 % of the goods, "
            "when these cost €20.00 or more; not together with a voucher; not on products that are reduced already; "
            "not on products that an exclusive offer applies to; not on Gift cards."
        ) in html

    def test_are_in_force_at_once(self, root, terms):
        program = terms.program
        assert terms_of(program_id=program.pk).share == 100
        version = Program.objects.get().version
        root.post(page(terms), typed([{"currency": "EUR", "amount": "20.00"}], share="50"))
        limits = limits_of(terms=terms_of(program_id=program.pk), currency="EUR")
        assert (limits.share, limits.least_order) == (50, 2000)
        assert Program.objects.get().version > version

    def test_are_in_force_at_once_for_products_too(self, root, terms):
        cards = ProductSet.objects.create(code="gift-cards", name="Gift cards")
        assert terms_of(program_id=terms.program_id).known_sets == frozenset()
        root.post(page(terms), typed(excluded_sets=[cards.pk]))
        assert terms_of(program_id=terms.program_id).known_sets == {"gift-cards"}

    def test_lets_nobody_use_points_when_switched_off(self, root, terms):
        root.post(page(terms), typed(is_on=""))
        assert terms_of(program_id=terms.program_id) is None
        assert "Nobody can use anything: that is switched off." in text_of(root.get(page(terms)))

    def test_stay_those_of_their_program(self, root, terms):
        other = Program.objects.create(code="other", name="Other")
        root.post(page(terms), typed(program=other.pk))
        assert UseTerms.objects.get().program_id == terms.program_id

    def test_are_said_once_for_each_program(self, root, terms):
        ProgramFactory(code="other", is_default=False)  # Else there is no such page: nothing is left to add.
        answer = root.post(ADD, typed(program=terms.program_id))
        assert list(errors(answer)) == ["program"]
        assert UseTerms.objects.count() == 1


class TestLimitsThatDoNotFit:
    @pytest.mark.parametrize(
        ("fields", "wrong", "says"),
        [
            ({"minimum": "150", "step": "100"}, "minimum", "In steps of 100 this must be 100 or 200."),
            ({"minimum": "1", "step": "100"}, "minimum", "In steps of 100 this must be 100 or another multiple."),
            ({"minimum": "100", "per_day": "50"}, "per_day", "Nobody could use anything: the least at once is 100."),
            ({"share": "0"}, "share", "greater than or equal to 1"),
            ({"share": "101"}, "share", "less than or equal to 100"),
            ({"share": "half"}, "share", "Enter a whole number"),
            ({"share": ""}, "share", "required"),
            ({"minimum": "0"}, "minimum", "greater than or equal to 1"),
            ({"step": "0"}, "step", "greater than or equal to 1"),
            ({"step": "-5"}, "step", "greater than or equal to"),
            ({"per_day": "0"}, "per_day", "greater than or equal to 1"),
            ({"minimum": "9" * 25}, "minimum", "more than can be stored"),
        ],
    )
    def test_are_refused_beside_the_field(self, root, terms, fields, wrong, says):
        answer = root.post(page(terms), typed(**fields))
        assert list(errors(answer)) == [wrong]
        assert says in errors(answer)[wrong]
        unchanged = UseTerms.objects.values_list("share", "minimum", "step", "per_day").get()
        assert unchanged == (100, 1, 1, None)

    @pytest.mark.parametrize(
        ("row", "wrong", "says"),
        [
            ({"currency": "CHF", "amount": "20.00"}, "row.currency", "What members have is worth nothing in CHF yet."),
            ({"currency": "eur", "amount": "20.00"}, "row.currency", "Write a currency that people pay with"),
            ({"currency": "EUR", "amount": "0"}, "row.amount", "greater than or equal to 0.01"),
            ({"currency": "EUR", "amount": "1.005"}, "row.amount", "no more than 2 decimal places"),
            ({"currency": "EUR", "amount": ""}, "row.amount", "required"),
        ],
    )
    def test_are_refused_beside_the_row(self, root, terms, row, wrong, says):
        answer = root.post(page(terms), typed([row]))
        assert list(errors(answer)) == [wrong]
        assert says in errors(answer)[wrong]
        assert not LeastOrder.objects.exists()

    def test_are_refused_for_a_new_program_too(self, root, unit):
        answer = root.post(ADD, typed([{"currency": "CHF", "amount": "20.00"}], program=unit.program_id))
        assert "worth nothing in CHF" in errors(answer)["row.currency"]
        assert not UseTerms.objects.exists()

    def test_have_one_least_order_a_currency(self, root, terms):
        twice = [{"currency": "EUR", "amount": "20.00"}, {"currency": "EUR", "amount": "30.00"}]
        answer = root.post(page(terms), typed(twice))
        assert answer.status_code == 200
        assert not LeastOrder.objects.exists()

    def test_know_yen_without_cents_and_amounts_that_fit(self, root, terms):
        PointWorth.objects.create(program=terms.program, currency="JPY", points=1, minor=1)
        answer = root.post(page(terms), typed([{"currency": "JPY", "amount": "1.50"}]))
        assert "no such fraction" in errors(answer)["row.amount"]
        PointWorth.objects.create(program=terms.program, currency="KWD", points=100, minor=1000)
        answer = root.post(page(terms), typed([{"currency": "KWD", "amount": "9999999.99"}]))
        assert errors(answer)["row.amount"] == "That is more than can be stored."
        assert not LeastOrder.objects.exists()

    def test_know_dinars_to_the_third_decimal(self, root, terms):
        PointWorth.objects.create(program=terms.program, currency="KWD", points=100, minor=1000)
        answer = root.post(page(terms), typed([{"currency": "KWD", "amount": "1.505"}]))
        assert answer.status_code == 302
        row = LeastOrder.objects.get()
        assert row.minor == 1_505
        told = as_opened(root, page(terms))
        assert told["least_orders-0-amount"] == ["1.505"]
        assert root.post(page(terms), told).status_code == 302


class TestWhoMayChangeLimits:
    VIEW, CHANGE = "loyalty_redemption.view_useterms", "loyalty_redemption.change_useterms"

    @pytest.mark.parametrize(("names", "status"), [((), 403), ((VIEW,), 403), ((CHANGE,), 302)])
    def test_needs_the_permission(self, staff, terms, names, status):
        assert staff(*names)[1].post(page(terms), typed(share="50")).status_code == status
        assert UseTerms.objects.get().share == (50 if status == 302 else 100)

    def test_reads_them_with_the_permission_to_look(self, staff, terms):
        LeastOrder.objects.create(terms=terms, currency="EUR", minor=2000)
        html = text_of(staff(self.VIEW, "loyalty_redemption.view_leastorder")[1].get(page(terms)))
        assert "Members can use any number of paws, for all of the goods, when these cost €20.00 or more." in html

    def test_deletes_none(self, root, terms):
        assert root.post(page(terms).replace("change", "delete"), {"post": "yes"}).status_code == 403
        assert UseTerms.objects.exists()

    def test_is_nobody_outside(self, terms):
        assert Client().get(page(terms)).status_code == 302


class TestAWarningOnTheProgramsPage:
    def warnings(self, root, program):
        url = reverse("admin:loyalty_program_program_change", args=[program.pk])
        return [text for text in root.get(url).context["warnings"] if "Nobody can use anything" in text]

    def test_says_that_the_offer_is_missing(self, root, terms):
        assert ["loyalty_setup" in text for text in self.warnings(root, terms.program)] == [True]
        make_offer()
        assert self.warnings(root, terms.program) == []

    def test_says_that_the_offer_is_switched_off(self, root, terms):
        make_offer()
        our_offers().update(status="Suspended")
        [text] = self.warnings(root, terms.program)
        assert "“Loyalty points” of the shop is switched off or over" in text

    def test_is_not_shown_where_nobody_can_use_points(self, root, terms):
        UseTerms.objects.update(is_on=False)
        assert self.warnings(root, terms.program) == []


@pytest.fixture
def used(customer):
    """An order of 20.00 with 500 of 800 paws, of which 100 came back, and 200 set aside for the next basket."""
    unit = points_club()
    give(customer, 800, unit)
    basket = use(customer, a_basket(customer, (a_product(price="20.00"), 1)), 500, unit=unit)
    with transaction.atomic():
        order = factories.create_order(basket=basket, user=customer, number="A-17")
    Redemption.objects.filter(order_id=order.pk).update(returned=100)
    use(customer, a_basket(customer, (a_product(price="30.00"), 1)), 200, unit=unit)
    return order


class TestTheUsesOfPoints:
    def test_are_listed_with_their_orders(self, root, used):
        html = text_of(root.get(USES))
        assert "A-17" in html
        assert "€5.00" in html
        assert "Basket " in html

    @pytest.mark.parametrize(("term", "count"), [("A-17", 1), ("boris@example.com", 2), ("A-18", 0), ("' OR 1=1", 0)])
    def test_are_found_by_order_and_by_person(self, root, used, term, count):
        assert root.get(USES, {"q": term}).context["cl"].result_count == count

    def test_cost_as_many_questions_however_many_there_are(self, root, used, django_assert_max_num_queries):
        first = Redemption.objects.get(order_id=used.pk)
        assert first.points == 500
        root.get(USES)
        with django_assert_max_num_queries(12):
            root.get(USES)

    def test_are_for_reading_alone(self, root, used):
        use_of = Redemption.objects.get(order_id=used.pk)
        url = reverse("admin:loyalty_redemption_redemption_change", args=[use_of.pk])
        html = text_of(root.get(url))
        assert "A-17" in html
        name = Product.objects.get(pk=use_of.lines[0]["product"]).get_title()
        assert f"1 × {name}: 500 paws, €5.00" in html
        use_of.lines[0]["product"] = 987
        use_of.save()
        assert "1 × product 987, which is gone: 500 paws, €5.00" in text_of(root.get(url))
        assert root.post(url, {"points": "1"}).status_code == 403
        assert root.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 403
        assert root.get(reverse("admin:loyalty_redemption_redemption_add")).status_code == 403
        assert Redemption.objects.get(pk=use_of.pk).points == 500

    def test_stand_on_the_members_page(self, root, customer, used):
        member = Redemption.objects.first().hold.account.member
        html = root.get(reverse("admin:loyalty_program_member_change", args=[member.pk])).content.decode()
        assert 'data-loyalty="used" data-value="500"' in html
        assert reverse("dashboard:order-detail", kwargs={"number": "A-17"}) in html
        assert "100\xa0paws" in html


class TestALeastAtOnceThatNobodyHas:
    SAID = "Nobody could use anything: no member has"

    @pytest.mark.parametrize(("minimum", "asked"), [("10000", False), ("10001", True), ("9999999", True)])
    def test_is_asked_about_where_it_is_a_lot(self, root, terms, minimum, asked):
        answer = root.post(page(terms), typed(minimum=minimum))
        assert (answer.status_code == 200) == asked
        assert not asked or self.SAID in errors(answer)["is_meant"]
        assert UseTerms.objects.get().minimum == (1 if asked else int(minimum))
        assert root.post(page(terms), typed(minimum=minimum, is_meant="on")).status_code == 302

    @pytest.mark.parametrize(("minimum", "asked"), [("10000", False), ("10001", True)])
    def test_is_a_lot_in_the_currency_of_the_program_whatever_the_shop_shows(
        self, root, terms, settings, minimum, asked
    ):
        settings.OSCAR_DEFAULT_CURRENCY = "JPY"
        PointWorth.objects.create(program=terms.program, currency="JPY", points=100, minor=160)
        assert (root.post(page(terms), typed(minimum=minimum)).status_code == 200) == asked

    def test_is_not_asked_about_where_somebody_has_so_much(self, root, terms):
        account = AccountFactory(member__program=terms.program)
        LotFactory(account=account, points=20_000, for_ever=True)
        assert root.post(page(terms), typed(minimum="20000")).status_code == 302
        assert self.SAID in errors(root.post(page(terms), typed(minimum="20001")))["is_meant"]

    def test_is_saved_unchanged_once_it_is_meant(self, root, terms):
        UseTerms.objects.update(minimum=9_999_999)
        assert root.post(page(terms), typed(minimum="9999999", share="50")).status_code == 302
