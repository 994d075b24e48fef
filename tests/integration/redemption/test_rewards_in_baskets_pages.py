"""The pages of rewards that are used with a basket: put in, taken out, chosen, previewed."""

import re
from decimal import Decimal as D

import pytest
from django.template import Context
from django.test import Client
from django.urls import reverse
from oscar.apps.shipping.methods import Free
from oscar.core.loading import get_class
from oscar.core.prices import Price

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.program import words
from loyalty_oscar.program.contributions import render
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import give_back
from loyalty_oscar.shop.orders.returns import preview, preview_cancelled
from loyalty_oscar.shop.redemption.rewards.gift_lines import gift_option
from loyalty_oscar.shop.redemption.rewards.keeping import FIELD
from loyalty_oscar.shop.storefront.retold import retold
from loyalty_oscar.shop.templatetags.loyalty import loyalty_order_mail
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from tests.points import a_member_with, points_club
from tests.points import pay as place
from tests.rewards import a_reward, fresh, have, put_on
from tests.storefront import TODAY, a_basket, a_product, a_user, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]


@pytest.fixture
def unit():
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(2_000, unit)


@pytest.fixture
def client(boris):
    client = Client()
    client.force_login(boris)
    return client


def add(client, product):
    client.post(f"/basket/add/{product.pk}/", {"quantity": 1})


def post(client, claim, what="use", **data):
    with clock.at(TODAY):
        return client.post(f"/loyalty/rewards/mine/{claim.pk}/{what}/", data, follow=True)


def plain(page):
    return text_of(page).replace("\xa0", " ")


def a_member_with_nothing(unit):
    return MemberFactory(program=unit.program, user=a_user("anna@example.com")).user


class TestMoneyOff:
    def test_is_put_in_and_taken_out_where_the_basket_shows_it(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        add(client, a_product(price="24.90"))
        assert "Your rewards" in plain(client.get("/basket/"))
        page = post(client, claim)
        assert page.redirect_chain[-1][0] == "/basket/#rewards"
        assert f"“{claim.reward.name}” is in your basket." in plain(page)
        assert page.context["basket"].total_incl_tax.as_tuple().digits == (1, 9, 9, 0)
        assert "Take out" in plain(client.get("/loyalty/rewards/"))
        assert post(client, claim, next="/catalogue/").redirect_chain[-1][0] == "/catalogue/#rewards"
        assert post(client, claim, next="https://evil.example/").redirect_chain[-1][0] == "/basket/#rewards"
        page = post(client, claim, "take-out")
        assert page.context["basket"].total_incl_tax.as_tuple().digits == (2, 4, 9, 0)
        assert Claim.objects.get().state == "open"

    def test_is_named_by_itself_in_the_totals_and_by_none_of_oscars_messages(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        add(client, a_product(price="24.90"))
        page = plain(post(client, claim))
        assert "Loyalty rewards" not in page
        assert claim.reward.name in page

    def test_says_why_it_does_nothing(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500, least=3_000))
        add(client, a_product(price="24.90"))
        assert "This reward is for goods of €30.00 or more." in plain(post(client, claim))

    def test_of_somebody_else_is_not_found(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        other = Client()
        other.force_login(a_member_with_nothing(unit))
        assert post(other, claim).status_code == 404
        assert post(other, claim, "take-out").status_code == 404

    def test_that_is_gone_is_refused_in_words(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        Claim.objects.update(state="over")
        add(client, a_product(price="24.90"))
        assert "This reward can’t be used any more." in plain(post(client, claim)).replace("'", "’")


class ACharge(Free):
    """Delivery for 4.90, free from goods of an amount on."""

    code, name, free_from = "parcel", "Parcel", D("40.00")

    def calculate(self, basket, options=None):
        charge = D("0.00") if basket.total_incl_tax >= self.free_from else D("4.90")
        return Price(currency=basket.currency, excl_tax=charge, incl_tax=charge)


@pytest.fixture
def parcels(monkeypatch):
    monkeypatch.setattr(get_class("shipping.repository", "Repository"), "methods", (ACharge(),))


class TestDelivery:
    def test_that_is_free_no_longer_is_told_before_and_while_money_comes_off(self, unit, boris, client, parcels):
        claim = have(boris, a_reward(unit, "off", amount=500))
        add(client, a_product(price="42.30"))
        said = "With it, delivery is no longer free: it costs €4.90."
        assert said in plain(client.get("/basket/"))
        page = post(client, claim)
        assert said in plain(page)
        assert page.context["basket"].total_incl_tax == D("37.30")
        add(client, a_product(price="20.00"))
        assert "delivery is no longer free" not in plain(client.get("/basket/"))

    def test_that_is_free_anyway_needs_no_reward(self, unit, boris, client, parcels):
        claim = have(boris, a_reward(unit, "delivery"))
        add(client, a_product(price="42.30"))
        said = "Delivery costs nothing anyway, so this reward stays yours."
        assert said in plain(client.get("/basket/"))
        assert said in plain(post(client, claim))

    def test_that_costs_something_is_paid_for_without_a_word(self, unit, boris, client, parcels):
        claim = have(boris, a_reward(unit, "delivery"))
        add(client, a_product(price="20.00"))
        for page in (client.get("/basket/"), post(client, claim)):
            assert "costs nothing anyway" not in plain(page)


class TestAnOrder:
    def test_says_which_rewards_it_used_on_its_page_and_in_its_mail(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        order = place(put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim))
        said = f"“{claim.reward.name}” used: −€5.00, taken off already."
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        assert said in plain(client.get(reverse("checkout:thank-you")))
        assert said in str(render("mail:order", subject=order, request=None)).replace("\xa0", " ")
        other = place(a_basket(boris, (a_product(price="24.90"), 1)))
        assert "taken off already" not in str(render("mail:order", subject=other, request=None))

    def test_has_a_line_in_its_mail_for_each_thing_it_used(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        order = place(put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim))
        said = loyalty_order_mail(Context({}), order).replace("\xa0", " ").splitlines()
        assert said == [
            f"“{claim.reward.name}” used: −€5.00, taken off already.",
            "What this order brings: +19 paws, ready 14 days after delivery.",
        ]

    def test_names_the_rewards_that_open_again_before_it_is_cancelled(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        order = place(put_on(boris, a_basket(boris, (a_product(price="24.90"), 2)), claim))
        line, said = order.lines.get(), f"The reward “{claim.reward.name}” can be used again."
        assert preview(order=order, quantities={line.pk: 1}, at=TODAY).beside == ()
        assert preview(order=order, at=TODAY).beside == (said,)
        assert preview_cancelled(order=order, at=TODAY).beside == (said,)

    def test_names_one_that_goes_back_with_it(self, unit, boris):
        claim = have(boris, a_reward(unit, "off", amount=500))
        order = place(put_on(boris, a_basket(boris, (a_product(price="24.90"), 1)), claim))
        Claim.objects.update(revoked=Because("claim_open_again", number="7").to_json())
        said = f"The reward “{claim.reward.name}” goes back: Order 7 came to nothing."
        assert preview_cancelled(order=order, at=TODAY).beside == (said,)


class TestTheAccountPage:
    def test_says_of_a_reward_in_the_basket_what_the_page_of_rewards_says(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        add(client, a_product(price="24.90"))
        post(client, claim)
        with clock.at(TODAY):
            for address in ("/loyalty/", "/loyalty/rewards/"):
                assert "In your basket" in plain(client.get(address))

    def test_names_one_that_went_back_in_words(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        give_back(claim=claim, note="Sorry", actor="system", at=TODAY)
        with clock.at(TODAY):
            assert "Taken back" in plain(client.get("/loyalty/rewards/"))

    def test_of_a_profile_that_goes_names_the_rewards_that_go_along(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        page = plain(client.get(reverse("customer:profile-delete")))
        assert f"With your profile you give up these rewards, too: {claim.reward.name}" in page


class TestAGift:
    def test_is_chosen_and_lies_in_the_basket_for_nothing(self, unit, boris, client):
        mug, bowl = a_product("Mug", "9.90"), a_product("Bowl", "12.00")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk, bowl.pk], pieces=1))
        add(client, a_product(price="20.00"))
        page = client.get("/loyalty/rewards/")
        assert re.findall(r'<option value="\d+">(\w+)</option>', page.content.decode()) == ["Mug", "Bowl"]
        page = post(client, claim, product=bowl.pk)
        assert page.context["basket"].total_incl_tax == 20
        assert f"Bowl (Gift: {claim.reward.name})" in plain(page)
        assert "Gift =" not in plain(page)
        assert page.content.decode().count("Free with your reward") == 1

    def test_is_tagged_and_not_ones_own_of_the_same_product(self, unit, boris, client):
        mug = a_product("Mug", "9.90")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk], pieces=1))
        add(client, mug)
        page = plain(post(client, claim))
        assert page.index("Mug") < page.index("Mug (Gift:") < page.index("Free with your reward")

    @pytest.mark.parametrize("product", ["", "x", "9" * 30, "0"])
    def test_that_was_not_chosen_is_asked_for(self, unit, boris, client, product):
        mug, bowl = a_product("Mug", "9.90"), a_product("Bowl", "12.00")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk, bowl.pk], pieces=1))
        add(client, a_product(price="20.00"))
        post(client, claim, product=product)
        assert fresh(claim).uses.filter(slot__isnull=False).count() == 0

    def test_is_called_a_gift_in_plain_words_wherever_lines_are_shown(self, unit, boris, client):
        mug = a_product("Mug", "9.90")
        claim = have(boris, a_reward(unit, "product", products=[mug.pk], pieces=1))
        add(client, a_product("Bed", price="20.00"))
        post(client, claim)
        basket = client.get("/basket/").context["basket"]
        with clock.at(TODAY):
            pages = [client.get("/basket/"), client.get("/catalogue/")]  # The second has them in its header.
            order = place(basket)
            session = client.session
            session["checkout_order_id"] = order.pk
            session.save()
            pages += [client.get(address) for address in ("/checkout/thank-you/", f"/accounts/orders/{order.number}/")]
        for page in pages:
            assert f"Mug (Gift: {claim.reward.name})" in plain(page)
            assert "Gift =" not in plain(page)

    @pytest.mark.parametrize(("gifts", "queries"), [(None, 0), (0, 2), (1, 3), (3, 3)])
    def test_is_looked_for_on_orders_only_where_there_are_rewards(
        self, unit, boris, django_assert_num_queries, gifts, queries
    ):
        basket = a_basket(boris, (a_product("Bed", price="20.00"), 1))
        for number in range(gifts or 0):
            mug = a_product(f"Mug {number}", "9.90")
            basket = put_on(boris, basket, have(boris, a_reward(unit, "product", products=[mug.pk], pieces=1)))
        if gifts == 0:
            a_reward(unit, "product", products=[a_product("Mug").pk], pieces=1)
            gift_option()
        with clock.at(TODAY):
            order = place(basket)
            retold(html="", lines=order.lines.all())  # What is remembered is known now.
            with django_assert_num_queries(queries):
                assert retold(html="<p>", lines=order.lines.all()) == "<p>"

    @pytest.mark.parametrize("tracks_stock", [True, False])
    def test_has_no_second_piece(self, unit, boris, client, tracks_stock):
        mug = a_product("Mug", "9.90")
        mug.product_class.track_stock = tracks_stock
        mug.product_class.save()
        claim = have(boris, a_reward(unit, "product", products=[mug.pk], pieces=1))
        add(client, a_product(price="20.00"))
        page = post(client, claim)
        forms = page.context["formset"].forms
        data = {"form-TOTAL_FORMS": len(forms), "form-INITIAL_FORMS": len(forms)}
        for number, form in enumerate(forms):
            gift = form.instance.product_id == mug.pk
            data |= {f"form-{number}-id": form.instance.pk, f"form-{number}-quantity": 2 if gift else 1}
        page = plain(client.post("/basket/", data, follow=True))
        assert "Available stock" not in page
        assert words.why(Because("gift_pieces", count=1)) in page
        assert [line.quantity for line in client.get("/basket/").context["basket"].all_lines()] == [1, 1]
        claim.refresh_from_db()


class TestAPreview:
    def test_stands_until_the_order_is_sent(self, unit, boris, client):
        claim = have(boris, a_reward(unit, "off", amount=500))
        add(client, a_product(price="24.90"))
        post(client, claim)
        key = fresh(claim).uses.get().pk
        Claim.objects.update(state="over")
        answer = client.post("/checkout/preview/", {FIELD: str(key), "action": "place_order"})
        assert (answer.status_code, answer["Location"]) == (302, "/checkout/preview/")
