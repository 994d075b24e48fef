"""Sales set up in the admin: read back in words, kept in step with what is taken, and only by those who may."""

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import QuotaCounter, Sale
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Program, Segment
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.exclusives.doctor import sales
from loyalty_oscar.shop.models import ProductSetRange
from loyalty_oscar.shop.upkeep.doctor import Level
from tests.integration.admin.test_program import formset
from tests.integration.exclusives.sales import (
    ENDS_AT,
    GOLD,
    GOLD_FROM,
    PUBLIC_FROM,
    SILVER,
    a_member_of,
    a_sale,
    a_segment,
    a_set,
)
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import a_product, a_user, day, text_of

ADD = reverse("admin:loyalty_exclusives_sale_add")
LIST = reverse("admin:loyalty_exclusives_sale_changelist")
#: Queries of the two lists, whatever is in them.
SALES, LISTS = 9, 7


def page(sale):
    return reverse("admin:loyalty_exclusives_sale_change", args=[sale.pk])


def typed(sale=None, **fields):
    found = {
        "name": "First on the trail", "mode": "lock", "percent": "20", "public_from_0": "2026-05-11",
        "public_from_1": "00:00", "quota": "40", "per_member": "1", "is_on": "on", "text": "", "ends_at_0": "",
        "ends_at_1": "",
    }  # fmt: skip
    return found | formset("doors", []) | fields


def errors(response):
    return {name: said[0] for name, said in response.context["adminform"].form.errors.items()}


def a_door(**fields):
    row = {"rank": "3", "seen_from_0": "2026-05-01", "seen_from_1": "00:00", "buys_from_0": "2026-05-09"}
    return row | {"buys_from_1": "00:00", "segment": ""} | fields


def door_errors(response):
    """What the page says at the fields of each door, and above them."""
    doors = response.context["inline_admin_formsets"][0].formset
    return [{name: said[0] for name, said in row.items()} for row in doors.errors], list(doors.non_form_errors())


class TestASaleInTheAdmin:
    def test_is_made_with_its_doors_and_read_back(self, root, unit):
        product_set = a_set(a_product())
        a_ladder(unit=unit)
        data = typed(program=unit.program_id, code="trail", product_set=product_set.pk)
        data |= formset("doors", [a_door()])
        assert root.post(ADD, data).status_code == 302
        sale = Sale.objects.get()
        assert (QuotaCounter.objects.get().quota, sale.doors.get().rank) == (40, 3)
        text = text_of(root.get(page(sale)))
        assert "Products “trail”, 20 % off, shown with a lock until then, 40 pieces in all, 1 piece a member." in text
        assert "Members of level Gold see it from" in text
        assert str(sale.doors.get()) == "Gold"
        assert reverse("loyalty:sale", args=["trail"]) in root.get(page(sale)).content.decode()
        assert "First on the trail" in text_of(root.get(LIST))

    def test_refuses_a_quota_below_what_is_taken_in_words(self, root, unit):
        sale = a_sale(unit, a_product(), quota=40, doors=())
        operations.reserve(wanted={sale: 3}, user_id=1, slot="basket:1", at=day(5, 9))
        answer = root.post(page(sale), typed(product_set=sale.product_set_id, quota="2"))
        assert errors(answer) == {"quota": "3 pieces are taken already: choose that or more."}
        assert (Sale.objects.get().quota, QuotaCounter.objects.get().quota) == (40, 40)
        assert root.post(page(sale), typed(product_set=sale.product_set_id, quota="3")).status_code == 302
        assert QuotaCounter.objects.get().quota == 3

    def test_offers_doors_by_the_names_of_the_levels(self, root, unit):
        a_ladder(unit=unit)
        text = root.get(ADD).content.decode()
        for rank, name in enumerate(["every member", "Bronze", "Silver", "Gold"]):
            assert f'<option value="{rank}"' in text
            assert f">{name}</option>" in text

    def test_keeps_and_names_a_level_that_is_gone(self, root, unit):
        sale = a_sale(unit, a_product(), doors=((3, GOLD_FROM),), ends_at=None)
        text = root.get(page(sale)).content.decode()
        assert "level 3, which is not there</option>" in text
        assert "There is no level 3, so nobody gets in by it." in text

    @pytest.mark.parametrize(
        ("door", "field", "said"),
        [
            ({"buys_from_0": "2026-04-30"}, "buys_from", "Nobody buys what they do not see yet"),
            ({"buys_from_0": "2026-05-12"}, "buys_from", "By then it is open to everybody"),
            ({"rank": "9"}, "rank", "Select a valid choice"),
            ({"seen_from_0": ""}, "seen_from", "This field is required"),
        ],
    )
    def test_refuses_dates_out_of_order_at_their_field(self, root, unit, door, field, said):
        a_ladder(unit=unit)
        sale = a_sale(unit, a_product(), doors=())
        answer = root.post(page(sale), typed(product_set=sale.product_set_id) | formset("doors", [a_door(**door)]))
        rows, _above = door_errors(answer)
        assert list(rows[0]) == [field]
        assert said in rows[0][field]
        assert not sale.doors.exists()

    def test_refuses_a_door_that_opens_when_the_sale_is_over(self, root, unit):
        a_ladder(unit=unit)
        sale = a_sale(unit, a_product(), doors=(), public_from=None)
        dates = {"public_from_0": "", "public_from_1": "", "ends_at_0": "2026-05-09", "ends_at_1": "00:00"}
        data = typed(product_set=sale.product_set_id, is_on="", **dates)  # An end that has passed is refused before.
        answer = root.post(page(sale), data | formset("doors", [a_door()]))
        assert "By then the sale is over" in door_errors(answer)[0][0]["buys_from"]

    def test_refuses_to_be_in_force_for_nobody(self, root, unit):
        sale = a_sale(unit, a_product(), doors=(), is_on=False)
        nobody = typed(product_set=sale.product_set_id, public_from_0="", public_from_1="")
        assert "Nobody would ever get in" in door_errors(root.post(page(sale), nobody))[1][0]
        assert not Sale.objects.get().is_on
        assert root.post(page(sale), {**nobody, "is_on": ""}).status_code == 302

    def test_refuses_a_segment_of_another_program(self, root, unit):
        other = Program.objects.create(code="other", name="Other")
        elsewhere = Segment.objects.create(program=other, code="elsewhere", name="Elsewhere")
        sale = a_sale(unit, a_product(), doors=())
        door = a_door(rank="0", segment=str(elsewhere.pk))
        answer = root.post(page(sale), typed(product_set=sale.product_set_id) | formset("doors", [door]))
        assert list(door_errors(answer)[0][0]) == ["segment"]
        assert not sale.doors.exists()

    def test_says_what_is_wrong_when_it_is_saved_and_on_its_page(self, root, unit):
        sale = a_sale(unit, a_product("Explorer carrier"), doors=(), mode=Sale.Mode.HIDE)
        data = typed(product_set=sale.product_set_id, mode="hide", public_from_0="2099-05-11", is_meant="on")
        answer = root.post(page(sale), data, follow=True)
        assert "these products are public: Explorer carrier" in text_of(answer)
        assert "these products are public: Explorer carrier" in text_of(root.get(page(sale)))

    def test_shows_its_page_to_staff_before_it_is_in_force(self, root, unit, client):
        sale = a_sale(unit, a_product(), is_on=False)
        url = reverse("loyalty:sale", args=[sale.code])
        assert root.get(url).status_code == 200
        assert client.get(url).status_code == 404

    @pytest.mark.parametrize("address", [ADD, LIST])
    def test_is_closed_to_staff_without_the_permission(self, staff, unit, address):
        assert staff("loyalty_program.view_program")[1].get(address).status_code == 403

    def test_is_only_looked_at_with_the_permission_to_view(self, staff, unit):
        sale = a_sale(unit, a_product(), quota=40)
        client = staff("loyalty_exclusives.view_sale")[1]
        assert client.get(page(sale)).status_code == 200
        assert client.post(page(sale), typed(quota="50")).status_code == 403
        assert Sale.objects.get().quota == 40

    def test_is_never_deleted(self, root, unit):
        sale = a_sale(unit, a_product())
        assert root.post(reverse("admin:loyalty_exclusives_sale_delete", args=[sale.pk])).status_code == 403
        assert Sale.objects.exists()


def told(level, at=GOLD_FROM):
    return [finding.text for finding in sales(at=at) if finding.level == level]


class TestTheDoctorOnSales:
    def test_says_nothing_where_there_are_none(self, unit):
        assert list(sales(at=GOLD_FROM)) == []

    def test_names_hidden_products_that_were_left_public(self, unit):
        product = a_product("Explorer carrier")
        a_sale(unit, product, mode=Sale.Mode.HIDE)
        said = (
            f"“First on the trail”: It is to be hidden, but these products are public: Explorer carrier ({product.pk})."
        )
        assert said in told(Level.WARNING)
        product.is_public = False
        product.save()
        assert not any("public" in text for text in told(Level.WARNING))
        assert not any("to be hidden" in text for text in told(Level.WARNING, PUBLIC_FROM))

    def test_says_that_the_api_lists_what_a_sale_hides(self, unit):
        sale = a_sale(unit, a_product("Explorer carrier"))
        assert not any("lists every product" in text for text in told(Level.WARNING))
        sale.mode = Sale.Mode.HIDE
        sale.save()
        said = "django-oscar-api lists every product by title, those of hidden sales too"
        assert said in told(Level.WARNING)
        assert said not in told(Level.WARNING, ENDS_AT)

    def test_names_sales_without_products_or_a_way_in(self, unit):
        a_sale(unit, doors=(), public_from=None)
        assert len(told(Level.ERROR)) == 2
        assert "opens to nobody" in told(Level.ERROR)[0]

    def test_names_doors_that_open_too_late(self, unit):
        a_ladder(unit=unit)
        a_sale(unit, a_product(), doors=((GOLD, PUBLIC_FROM),), ends_at=None)
        assert any("Some get in only when" in text for text in told(Level.WARNING))

    def test_names_doors_that_lead_nowhere(self, unit):
        a_ladder(unit=unit)
        nobody = a_segment(unit, name="Friends of the house")
        a_sale(unit, a_product(), doors=((7, GOLD_FROM), (nobody, GOLD_FROM)), public_from=None)
        assert "“First on the trail”: It opens to nobody." in told(Level.ERROR)
        assert "“First on the trail”: There is no level 7, so nobody gets in by it." in told(Level.WARNING)
        assert "“First on the trail”: Nobody is in the group “Friends of the house”." in told(Level.WARNING)

    def test_names_sales_of_one_product_that_contradict_each_other(self, unit):
        a_ladder(unit=unit)
        product = a_product()
        a_sale(unit, product, name="One")
        other = a_sale(unit, product, code="other", name="Other", doors=((1, GOLD_FROM),), public_from=day(5, 14))
        Sale.objects.filter(pk=other.pk).update(mode=Sale.Mode.HIDE)
        product.is_public = False
        product.save()
        forget_cache()
        found = " ".join(told(Level.WARNING))
        for words in ("one of them hides", "one opens to everybody while", "some get in by one of them before"):
            assert "“One”: It and “Other” share products" in found
            assert words in found
        assert not any("share products" in text for text in told(Level.WARNING, day(5, 18)))

    def test_says_nothing_of_sales_of_one_product_that_agree(self, unit):
        a_ladder(unit=unit)
        product = a_product()
        a_sale(unit, product)
        a_sale(unit, product, code="other", name="Other")
        assert not any("share products" in text for text in told(Level.WARNING))

    def test_asks_for_the_class_loader_where_the_api_is(self, unit, settings):
        a_sale(unit, a_product())
        assert any("django-oscar-api" in text for text in told(Level.WARNING))
        settings.OSCAR_DYNAMIC_CLASS_LOADER = "loyalty_oscar.shop.pricing.loading.class_loader"
        assert not any("django-oscar-api" in text for text in told(Level.WARNING))


class TestTheListsOfTheAdmin:
    @pytest.mark.parametrize("rows", [2, 6])
    def test_of_sales_ask_as_much_for_six_as_for_two(self, root, unit, rows, django_assert_num_queries):
        a_ladder(unit=unit)
        friends = a_segment(unit)
        for number in range(rows):
            a_sale(unit, a_product(f"Bed {number}"), code=f"s{number}", doors=((GOLD, GOLD_FROM), (friends, GOLD_FROM)))
        root.get(LIST)
        with django_assert_num_queries(SALES):
            assert root.get(LIST).status_code == 200

    @pytest.mark.parametrize("rows", [2, 6])
    def test_of_segments_ask_as_much_for_six_as_for_two(self, root, unit, rows, django_assert_num_queries):
        for number in range(rows):
            users = [a_user(f"{number}.{name}@x.de") for name in range(number)]
            for user in users:
                join(program=unit.program, user_id=user.pk, at=day(1, 2))
            a_segment(unit, *users, name=f"Friends {number}")
        with django_assert_num_queries(LISTS):
            page = root.get(reverse("admin:loyalty_program_segment_changelist"))
        assert page.content.decode().count(f'<td class="field-counted">{rows - 1}</td>') == 1


class TestARangeThatASaleNeeds:
    TEXT = "“trail” holds the products of “First on the trail”: switch that sale off first, or give its set another."

    @pytest.fixture
    def ranged(self, unit):
        a_ladder(unit=unit)
        a_sale(unit, a_product())
        return get_model("offer", "Range").objects.get(name="trail")

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("door", ["dashboard:range-delete", "admin:offer_range_delete"])
    def test_is_not_deleted_and_the_page_says_why(self, root, ranged, door):
        address = reverse(door, args=[ranged.pk])
        with clock.at(GOLD_FROM):
            answer = root.post(address, {"post": "yes"}, follow=True)
        assert answer.redirect_chain == [(address, 302)]
        assert self.TEXT in text_of(answer)
        assert ProductSetRange.objects.get().range == ranged

    def test_is_kept_from_scripts_too(self, ranged):
        refused = pytest.raises(ProtectedError, match="switch that sale off first")
        with clock.at(GOLD_FROM), refused, transaction.atomic():
            type(ranged).objects.filter(pk=ranged.pk).delete()
        assert ProductSetRange.objects.get().range == ranged

    @pytest.mark.parametrize("change", [{"is_on": False}, {"ends_at": GOLD_FROM}])
    def test_goes_when_the_sale_is_off_or_over(self, root, ranged, change):
        Sale.objects.update(**change)
        with clock.at(GOLD_FROM):
            root.post(reverse("dashboard:range-delete", args=[ranged.pk]))
        assert not type(ranged).objects.exists()


class TestASecondLook:
    """What is on sale now does not close without a word."""

    @pytest.fixture
    def on_sale(self):
        return a_set(a_product("Bites"), a_product("Bed"))

    def data(self, unit, product_set, **fields):
        found = typed(program=unit.program_id, code="trail", product_set=product_set.pk, **fields)
        return found | formset("doors", [a_door()])

    def said(self, root, data, *, url=ADD, at=GOLD_FROM):
        with clock.at(at):
            response = root.post(url, data)
        return text_of(response) if response.status_code == 200 else None

    def test_says_what_closes_for_whom_for_how_long_and_saves_nothing(self, root, unit, on_sale):
        a_ladder(unit=unit)
        said = self.said(root, self.data(unit, on_sale))
        assert "2 products that are on sale now will be closed to 100 % of your customers for 2 days." in said
        assert "If that is meant, tick “close what is on sale now” above." in said
        assert not Sale.objects.exists()

    def test_shows_the_tick_only_where_it_asks(self, root, unit, on_sale):
        a_ladder(unit=unit)
        assert b'type="hidden" name="is_meant"' in root.get(ADD).content
        with clock.at(GOLD_FROM):
            page = root.post(ADD, self.data(unit, on_sale)).content
        assert b'type="checkbox" name="is_meant"' in page and b'type="hidden" name="is_meant"' not in page

    def test_takes_a_tick_for_an_answer(self, root, unit, on_sale):
        a_ladder(unit=unit)
        assert self.said(root, self.data(unit, on_sale, is_meant="on")) is None
        assert Sale.objects.get().is_on

    def test_leaves_out_whom_a_door_lets_in_and_tells_from_when(self, root, unit, on_sale):
        a_ladder(unit=unit)
        for number in range(3):
            a_member_of(unit, GOLD if number == 0 else SILVER, name=f"m{number}")
        said = self.said(root, self.data(unit, on_sale), at=day(5, 8))
        assert "closed to 66 % of your customers for 3 days." in said
        assert "Until 9 May 2026, 00:00 (UTC) nobody can buy them." in said

    @pytest.mark.parametrize(
        "fields",
        [
            {"mode": "open", "quota": "", "per_member": ""},
            {"is_on": ""},
            {"public_from_0": "2026-05-09"},
        ],
        ids=["others buy", "off", "open to everybody"],
    )
    def test_asks_nothing_where_nothing_closes(self, root, unit, on_sale, fields):
        a_ladder(unit=unit)
        data = self.data(unit, on_sale, **fields)
        if fields.get("public_from_0"):
            data |= formset("doors", [])
        assert self.said(root, data) is None

    def test_asks_nothing_of_what_is_closed_already_or_not_shown(self, root, unit, on_sale):
        a_ladder(unit=unit)
        assert self.said(root, self.data(unit, on_sale, is_meant="on")) is None
        url = page(Sale.objects.get())
        door = Sale.objects.get().doors.get()
        data = typed(product_set=on_sale.pk, name="Trail")
        data |= formset("doors", [a_door(id=door.pk, sale=door.sale_id)], initial=1)
        assert self.said(root, data, url=url) is None
        assert Sale.objects.get().name == "Trail"
        Sale.objects.all().update(is_on=False)
        get_model("catalogue", "Product").objects.update(is_public=False)
        forget_cache()
        assert self.said(root, data, url=url) is None
