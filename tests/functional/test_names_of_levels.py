"""A level has a name in each language: who reads, customer or staff, meets it under one name in every place."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import translation

from loyalty_oscar.insights.elements import count_elements
from loyalty_oscar.insights.operations import count
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.tiers.lifecycle import levels
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import CampaignFactory
from loyalty_oscar.tiers.models import Ladder, Standing
from tests.integration.admin.conftest import staff  # noqa: F401
from tests.integration.tiers.ladders import a_ladder, hand
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, text_of

pytestmark = pytest.mark.django_db
GERMAN = {"accept-language": "de"}


@pytest.fixture
def member():
    """Boris, on Silver with its gift, with an order that it brought more."""
    ladder = a_ladder(gifts=(0, 50, 0))
    ladder.tiers.filter(rank=2).update(names={"de": "Silber"})
    forget_cache()
    user = a_user()
    arrive(buy(user, (a_product("Bed", "251.50"), 1), on=day(3, 1)), on=day(3, 2))
    buy(user, (a_product("Bites", "34.90"), 1), on=day(5, 1))
    return Member.objects.get(user=user)


def opened(client, address):
    with clock.at(TODAY):
        response = client.get(address, headers=GERMAN)
    assert response.status_code == 200, address
    return text_of(response)


class TestACustomer:
    @pytest.mark.parametrize("page", ["overview", "how-it-works", "statement"])
    def test_reads_one_name_on_every_page(self, member, page):
        client = Client()
        client.force_login(member.user)
        said = opened(client, reverse(f"loyalty:{page}"))
        assert "Silber" in said and "Silver" not in said

    def test_reads_it_in_the_why_of_an_order_and_of_a_gift(self, member):
        client = Client()
        client.force_login(member.user)
        said = opened(client, reverse("loyalty:overview"))
        assert "Silber: 10 % more" in said and "A gift for reaching Silber" in said

    def test_reads_it_in_what_is_kept_of_the_membership(self, member):
        with translation.override("de"):
            told = levels(member=member)["levels"]
        assert [(row["level"], row["why"]) for row in told] == [("Silber", "Silber reached")]

    def test_reads_it_where_it_was_named_later_too(self, member):
        Standing.objects.update(because={"c": "tier_up", "p": {"tier": "Silver"}})  # As it was written before.
        with translation.override("de"):
            assert [row["why"] for row in levels(member=member)["levels"]] == ["Silver reached"]


class TestStaff:
    @pytest.fixture
    def pages(self, member):
        hand(Ladder.objects.get(), member.user, 2, until=day(12, 1), at=day(5, 2))
        with clock.at(TODAY):
            list(count(at=TODAY))
            list(count_elements(at=TODAY))
        program = member.program
        ladder = Ladder.objects.get()
        return {
            "program": reverse("admin:loyalty_program_program_change", args=[program.pk]),
            "ladder": reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk]),
            "member": reverse("admin:loyalty_program_member_change", args=[member.pk]),
            "figures": f"{reverse('admin:loyalty_insights_book_changelist')}?program={program.code}",
            "pays": f"{reverse('admin:loyalty_insights_book_pays')}?program={program.code}",
            "campaign": reverse("admin:loyalty_journeys_campaign_change", args=[CampaignFactory(program=program).pk]),
        }

    @pytest.mark.parametrize("name", ["program", "member", "figures", "pays", "campaign"])
    def test_read_one_name_on_every_page(self, pages, staff, name):  # noqa: F811
        _user, client = staff(superuser=True)
        said = opened(client, pages[name])
        assert "Silber" in said and "Silver" not in said

    def test_read_it_where_its_names_are_written_too(self, pages, staff):  # noqa: F811
        _user, client = staff(superuser=True)
        assert "Silber from 150,00" in opened(client, pages["ladder"])
