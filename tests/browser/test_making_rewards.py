"""A merchant makes a reward of each kind from an admin that has none, and members find all five."""

import re

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from loyalty_oscar.program.models import Reward
from loyalty_oscar.redemption.models import RewardCode
from tests.browser.test_a_clerks_day import Hand
from tests.browser.test_admin import desk, looked_at, merchant  # noqa: F401 - fixtures
from tests.points import give, points_club
from tests.storefront import a_product

#: Add, which kind, save.
TO_MAKE_ONE = 3
#: By kind: what the link says, what is typed beside name and price, and what its page reads back.
KINDS = {
    "off": ("Money off a basket", {"p_amount": "5.00", "p_least": "20.00"}, "€5.00 off, in a basket of €20.00 or more"),
    "delivery": ("Free delivery", {"p_least": "30.00"}, "Free delivery, in a basket of €30.00 or more"),
    "product": ("A product of your shop", {}, "Club mug"),
    "code": ("A partner’s code", {"p_where": "At the school."}, "At the school."),
    "service": ("A service", {"p_ask": "Which day suits you?"}, "Which day suits you?"),
}


@pytest.fixture
def unit(transactional_db):
    unit = points_club()
    boris = get_user_model().objects.create_user("boris", "boris@example.com", "x")
    give(boris, 900, unit)
    a_product("Club mug", "9.90")
    return unit


class TestAMerchant:
    def test_makes_each_kind_from_an_empty_admin(self, unit, desk, client):  # noqa: F811
        hand = Hand(desk)
        desk.visit("admin:app_list", "loyalty_program")
        hand.click("Rewards")
        for kind, (link, fields, said) in KINDS.items():
            desk.visit("admin:loyalty_program_reward_changelist")
            hand.clicks = 0
            hand.click(desk.locator(".object-tools .addlink"))
            hand.click(desk.locator("#content a", has_text=link))
            desk.fill("#id_name", f"My {kind}")
            desk.fill("#id_price", "600")
            for name, typed in fields.items():
                desk.fill(f"#id_{name}", typed)
            if kind == "product":
                self.picks(desk, "mug")
            if kind == "code":
                desk.fill("#id_codes", "PFOTE-1\nPFOTE-2\n")
            looked_at(desk, f"new-{kind}", within="#content")
            hand.click(desk.locator("[name=_continue]"))
            assert hand.clicks == TO_MAKE_ONE
            hand.says(said)
            looked_at(desk, f"made-{kind}", within="#content")
        assert Reward.objects.count() == len(KINDS)
        assert RewardCode.objects.count() == 2

        client.force_login(get_user_model().objects.get(username="boris"))
        page = client.get(reverse("loyalty:rewards")).content.decode()
        assert sorted(re.findall(r"My (\w+)</h", page)) == sorted(KINDS)

    def picks(self, desk, text):  # noqa: F811
        """Find a product by what is typed, as Django's autocomplete does."""
        desk.locator(".field-p_products .select2-selection").click()
        desk.locator(".select2-search__field").last.fill(text)
        desk.locator(".select2-results__option", has_text="Club mug").click()
