"""Sales set up in the admin: read back in words, kept in step with what is taken, and only by those who may."""

import pytest
from django.urls import reverse

from loyalty_oscar.exclusives import operations
from loyalty_oscar.exclusives.models import Count, Sale
from loyalty_oscar.shop.doctor import Level
from loyalty_oscar.shop.exclusives.doctor import sales
from tests.integration.admin.test_program import formset
from tests.integration.exclusives.sales import GOLD, GOLD_FROM, PUBLIC_FROM, a_sale, a_set
from tests.storefront import a_product, day, text_of

ADD = reverse("admin:loyalty_exclusives_sale_add")
LIST = reverse("admin:loyalty_exclusives_sale_changelist")


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


class TestASaleInTheAdmin:
    def test_is_made_with_its_doors_and_read_back(self, root, unit):
        product_set = a_set(a_product())
        door = {"rank": "3", "seen_from_0": "2026-05-01", "seen_from_1": "00:00", "buys_from_0": "2026-05-09"}
        data = typed(program=unit.program_id, code="trail", product_set=product_set.pk)
        data |= formset("doors", [door | {"buys_from_1": "00:00", "member_list": ""}])
        assert root.post(ADD, data).status_code == 302
        sale = Sale.objects.get()
        assert (Count.objects.get().quota, sale.doors.get().rank) == (40, 3)
        text = text_of(root.get(page(sale)))
        assert "Products “trail”, 20 % off, shown with a lock until then, 40 pieces in all, 1 piece a member." in text
        assert "members of level 3 and higher see it from" in text
        assert reverse("loyalty:sale", args=["trail"]) in root.get(page(sale)).content.decode()
        assert "First on the trail" in text_of(root.get(LIST))

    def test_refuses_a_quota_below_what_is_taken_in_words(self, root, unit):
        sale = a_sale(unit, a_product(), quota=40, doors=())
        operations.reserve(wanted={sale: 3}, user_id=1, slot="basket:1", at=day(5, 9))
        answer = root.post(page(sale), typed(product_set=sale.product_set_id, quota="2"))
        assert errors(answer) == {"quota": "3 pieces are taken already: choose that or more."}
        assert (Sale.objects.get().quota, Count.objects.get().quota) == (40, 40)
        assert root.post(page(sale), typed(product_set=sale.product_set_id, quota="3")).status_code == 302
        assert Count.objects.get().quota == 3

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
        assert "“First on the trail” is to be hidden, but these products are public: Explorer carrier" in told(
            Level.WARNING
        )
        product.is_public = False
        product.save()
        assert not any("public" in text for text in told(Level.WARNING))
        assert not any("to be hidden" in text for text in told(Level.WARNING, PUBLIC_FROM))

    def test_names_sales_without_products_or_a_way_in(self, unit):
        a_sale(unit, doors=(), public_from=None)
        assert len(told(Level.ERROR)) == 2
        assert "opens to nobody" in told(Level.ERROR)[1]

    def test_names_doors_that_open_too_late(self, unit):
        a_sale(unit, a_product(), doors=((GOLD, PUBLIC_FROM),), ends_at=None)
        assert any("lets some in only when" in text for text in told(Level.WARNING))

    def test_asks_for_the_class_loader_where_the_api_is(self, unit, settings):
        a_sale(unit, a_product())
        assert any("django-oscar-api" in text for text in told(Level.WARNING))
        settings.OSCAR_DYNAMIC_CLASS_LOADER = "loyalty_oscar.shop.loading.class_loader"
        assert not any("django-oscar-api" in text for text in told(Level.WARNING))
