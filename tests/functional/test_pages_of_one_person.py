"""Whatever a page of ours shows to somebody who is signed in, no cache on the way keeps it for the next."""

import pytest
from django.test import Client
from django.urls import get_resolver, reverse

from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SchemeFactory
from tests.integration.exclusives.sales import GOLD, a_member_of, a_sale
from tests.integration.tiers.ladders import a_ladder
from tests.points import points_club
from tests.storefront import TODAY, a_product

pytestmark = pytest.mark.django_db
#: The same for everybody.
PUBLIC = {"api-schema"}


def doors():
    """The names of all our addresses with what stands in them."""
    _prefix, resolver = get_resolver().namespace_dict["loyalty"]
    for name in resolver.reverse_dict:
        if isinstance(name, str):
            yield name, list(resolver.reverse_dict.getlist(name)[0][0][0][1])


@pytest.fixture
def shop():
    unit = points_club()
    a_ladder(unit=unit)
    SchemeFactory(program=unit.program, giver_points=1, newcomer_points=1, least_minor=0)
    a_sale(unit, a_product())
    return unit


class TestAPageOfOurs:
    def test_is_kept_by_nobody_where_it_shows_what_is_somebodys(self, shop):
        user, client = a_member_of(shop, GOLD), Client()
        client.force_login(user)
        known = {
            "code": "trail", "word": "woof", "token": "x:y:z", "user_id": user.pk, "unit_id": shop.pk,
            "product_id": 1, "entry_id": 1, "pk": 1, "number": "1", "kind": "shipping", "event_id": 1, "id": "1",
            "case_id": 1,
        }  # fmt: skip
        kept, seen = [], 0
        with clock.at(TODAY):
            for name, wanted in doors():
                answer = client.get(reverse(f"loyalty:{name}", kwargs={one: known[one] for one in wanted}))
                if answer.status_code == 200 and name not in PUBLIC:
                    seen += 1
                    told = {part.strip() for part in answer.headers.get("Cache-Control", "").split(",")}
                    kept += [] if {"private", "no-store"} <= told else [(name, told)]
        assert kept == []
        assert seen > 10

    def test_may_be_kept_where_it_is_the_same_for_every_stranger(self, shop):
        with clock.at(TODAY):
            answer = Client().get(reverse("loyalty:how-it-works"))
        assert answer.status_code == 200
        assert "no-store" not in answer.headers.get("Cache-Control", "")
