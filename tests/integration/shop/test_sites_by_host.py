"""A shop of many sites without SITE_ID: a site is known by the host of a visit, and the jobs have no visit."""

from datetime import timedelta

import pytest
from django.contrib.sites.models import Site
from django.core import mail
from django.urls import reverse
from oscar.test.factories import UserFactory

from loyalty_oscar.program.models import ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.rehearsal.scene import visit_of_nobody
from loyalty_oscar.testing import clock
from tests import orders
from tests.once import a_program
from tests.storefront import TODAY, a_user, day

pytestmark = pytest.mark.django_db


@pytest.fixture
def cats(settings):
    """Paws on every site without a program of its own, and the Cat Club on cats.example.org."""
    settings.SITE_ID, settings.ALLOWED_HOSTS = None, ["cats.example.org", "example.com"]
    a_program(live_from=day(1, 1, 2025))
    club = a_program(code="cats", name="Cat Club", is_default=False, live_from=day(1, 1, 2025))
    site = Site.objects.create(domain="cats.example.org", name="Cats")
    ProgramSite.objects.create(program=club.program, site=site)
    forget_cache()
    with clock.at(TODAY):
        yield site
    forget_cache()


def an_order(site, number):
    order = orders.imported(user=UserFactory(), lines=(("74.20", 1),), placed_at=TODAY, number=number)
    type(order).objects.filter(pk=order.pk).update(site=site)
    sync_orders(order_ids=[order.pk], at=TODAY)


class TestAMailOfAJob:
    def test_leaves_for_the_members_of_every_site_with_its_own_name_and_links(self, cats):
        an_order(cats, "100001")
        an_order(Site.objects.get(domain="example.com"), "100002")
        assert sum(deliver(at=TODAY)) == 2
        of = {("Cat Club" in letter.body, "example.org/loyalty" in letter.body) for letter in mail.outbox}
        assert of == {(True, True), (False, False)}

    def test_asks_no_list_of_hosts_of_which_only_visitors_must_be_one(self, cats, settings):
        settings.ALLOWED_HOSTS = []
        an_order(cats, "100001")
        assert sum(deliver(at=TODAY + timedelta(minutes=1))) == 1


class TestTheMailThatConfirmsAnAddress:
    def test_leads_back_to_the_site_where_it_was_asked_for(self, cats, client):
        user = a_user()
        client.force_login(user)
        client.post(reverse("loyalty:confirm-address"), headers={"host": "cats.example.org"})
        assert [letter.to for letter in mail.outbox] == [[user.email]]
        assert "//cats.example.org/loyalty/address/" in mail.outbox[0].body


class TestARehearsal:
    def test_is_played_on_the_first_site(self, cats, settings):
        settings.ALLOWED_HOSTS = ["elsewhere.example"]
        assert visit_of_nobody().unit.program.code != "cats"
