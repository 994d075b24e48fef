"""
The same through real sessions and a real server with four processes: requests whose last bytes are sent together.

A1 (one session) and A2 (two sessions, two devices) of the list of attacks, and the whole checkout.
"""

from collections import Counter
from functools import cache

import pytest
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar.redemption.models import Redemption
from tests.integration.ledger.books import TABLES, assert_clean, balance

from . import using
from .crowds import MANY, bare_copies, broken_after, runs_of
from .served import a_post, a_server, at_once
from .using import a_member, a_shop, baskets_of, many_baskets_of, undercharged, used

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("atomic", [False, True], ids=["plain", "atomic-requests"])
Order = get_model("order", "Order")
POINTS, PREVIEW = reverse("loyalty:use-points"), reverse("checkout:preview")
THANKS = reverse("checkout:thank-you")
ADDRESS = {"first_name": "B", "last_name": "W", "line1": "1 Egg Road", "line4": "London", "postcode": "N1 9RT"}


def a_session(user, checkout=None):
    """Sign in as a browser does; `checkout` is what another one typed at its steps. Returns the cookies."""
    client = Client()
    client.force_login(user)
    if checkout:
        session = client.session
        session["checkout_data"] = checkout
        session.save()
    return {"sessionid": client.cookies["sessionid"].value, "csrftoken": a_token()}


@cache
def a_token():
    """The CSRF cookie that a page of the shop gives, asked for once: it holds for any session."""
    client = Client()
    client.get(reverse("customer:login"))
    return client.cookies["csrftoken"].value


def typed_at_checkout(shop):
    """Go through the steps of the checkout once; returns what the session knows then."""
    country = factories.CountryFactory(iso_3166_1_a2="GB", is_shipping_country=True)
    somebody, client = a_member(shop, 3, name="somebody"), Client()
    baskets_of(somebody, shop, 1)
    client.force_login(somebody.user)
    client.post(reverse("checkout:shipping-address"), {**ADDRESS, "country": country.pk})
    client.get(reverse("checkout:shipping-method"))
    return client.session["checkout_data"]


def sent(cookies, **headers):
    """The last step of the checkout."""
    return a_post(PREVIEW, {"action": "place_order"}, cookies, **headers)


def wanted(cookies, points, **headers):
    """The form of the basket page."""
    return a_post(POINTS, {"points": points}, cookies, **headers)


def no_fault(answers):
    """Nobody meets a server error."""
    assert all(status < 500 for status, _where in answers), answers
    return Counter(where.partition("#")[0] or status for status, where in answers)


def redeem(shop, port, *, runs, size):
    """A balance of 100 is wanted by many devices in two sessions at once; yields the member."""
    for run in range(runs):
        member = a_member(shop, 100, name=f"boris{run}")
        baskets = many_baskets_of(member, shop, size)
        cookies = [a_session(member.user), a_session(member.user)]
        posts = [wanted(cookies[n % 2], 100, X_Basket=basket.pk) for n, basket in enumerate(baskets)]
        no_fault(at_once(port, posts))
        yield member


class TestFiftyDevicesThatWantOneBalance:
    @pytest.mark.parametrize(
        ("atomic", "runs"), [(False, runs_of(30)), (True, runs_of(10))], ids=["plain", "atomic-requests"]
    )
    def test_have_one_winner(self, atomic, runs, tell):
        shop, total = a_shop(), Counter()
        with a_server(atomic=atomic) as port:
            for member in redeem(shop, port, runs=runs, size=50):
                assert balance(member.account) == (0, 0, 100, 0)
                total["one winner"] += 1
        assert Redemption.objects.count() == runs
        assert_clean()
        tell(f"T2, {runs} runs of 50 requests{' with ATOMIC_REQUESTS' * atomic}: {dict(total)}")

    def test_would_all_get_it_without_lock_and_constraints(self, tell):
        shop = a_shop()
        with (
            bare_copies(*TABLES, Redemption) as search_path,
            a_server(broken="without_lock", search_path=search_path.replace(" ", "")) as port,
        ):
            members = redeem(shop, port, runs=MANY, size=20)
            uses = (Redemption.objects.filter(hold__account_id=member.account.pk).count() for member in members)
            first = broken_after(winners > 1 for winners in uses)
        assert first
        tell(f"T2's broken twin: several winners in round {first}")


class TestOneSessionThatSendsThirtyTimes:
    def test_sets_the_balance_aside_once(self, tell):
        """A1: the same form of the same basket, again and again."""
        shop = a_shop()
        member = a_member(shop, 100)
        baskets_of(member, shop, 1)
        cookies = a_session(member.user)
        with a_server() as port:
            no_fault(at_once(port, [wanted(cookies, 100)] * 30))
        assert balance(member.account) == (0, 0, 100, 0)
        assert_clean()


class TestTwoBasketsThatWantFiveHundredOfSevenHundred:
    @BOTH
    def test_have_one_winner_up_to_the_order(self, atomic, tell):
        shop, runs, orders = a_shop(), runs_of(25), 5
        checkout = typed_at_checkout(shop)
        with a_server(atomic=atomic) as port:
            for run in range(runs):
                member = a_member(shop, 700, name=f"boris{run}")
                # Two first orders at once write one new address, which would break Oscar's own transaction.
                member.user.addresses.create(**ADDRESS, country_id="GB")
                pks = [basket.pk for basket in many_baskets_of(member, shop, 2)]
                cookies = [a_session(member.user, checkout) for _ in pks]
                no_fault(at_once(port, [wanted(c, 500, X_Basket=pk) for c, pk in zip(cookies, pks, strict=True)]))
                assert balance(member.account) == (200, 0, 500, 0)
                if run < orders:
                    came = at_once(port, [sent(c, X_Basket=pk) for c, pk in zip(cookies, pks, strict=True)])
                    assert no_fault(came)[THANKS] == 2, came
                    assert used(member.account) == 500
        assert sorted(order.total_incl_tax for order in Order.objects.all()) == [45] * orders + [50] * orders
        assert undercharged() == 0
        assert_clean()
        tell(f"two baskets by HTTP{' with ATOMIC_REQUESTS' * atomic}: one winner in {runs} of {runs}")


def lower(shop, port, *, runs):
    """One tab sends an order that shows 500 points off, another lowers them to 100, at once; yields the answers."""
    checkout = typed_at_checkout(shop)
    for run in range(runs):
        member = a_member(shop, 700, name=f"boris{run}")
        (basket,) = baskets_of(member, shop, 1)
        using.use(shop, member, basket, 500)
        cookies = [a_session(member.user, checkout), a_session(member.user)]
        yield no_fault(at_once(port, [sent(cookies[0]), wanted(cookies[1], 100)]))


class TestPointsThatAreLoweredInAnotherTab:
    @BOTH
    def test_leave_no_order_undercharged(self, atomic, tell):
        runs = runs_of(25)
        with a_server(atomic=atomic) as port:
            total = sum(lower(a_shop(), port, runs=runs), Counter())
        assert undercharged() == 0
        assert_clean()
        placed = Order.objects.count()
        tell(f"lowered in another tab by HTTP{' with ATOMIC_REQUESTS' * atomic}, 0 of {placed} undercharged: {total}")


class TestOneBasketThatIsSentTwice:
    @BOTH
    def test_becomes_one_order_with_its_points_once(self, atomic, tell):
        shop, total, runs = a_shop(), Counter(), 5
        checkout = typed_at_checkout(shop)
        with a_server(atomic=atomic) as port:
            for run in range(runs):
                member = a_member(shop, 700, name=f"boris{run}")
                (basket,) = baskets_of(member, shop, 1)
                using.use(shop, member, basket, 500)
                cookies = a_session(member.user, checkout)
                total += no_fault(at_once(port, [sent(cookies), sent(cookies)]))
                assert (used(member.account), balance(member.account)[0]) == (500, 200)
        assert Order.objects.filter(total_incl_tax=45).count() == Order.objects.count() == runs
        assert undercharged() == 0
        assert_clean()
        tell(f"sent twice by HTTP{' with ATOMIC_REQUESTS' * atomic}, {runs} runs: {dict(total)}")


class TestAnOrderThatWasDeclined:
    @BOTH
    def test_is_placed_with_its_points_when_it_is_tried_again(self, atomic):
        shop, runs = a_shop(), 3
        checkout = typed_at_checkout(shop)
        with a_server(atomic=atomic) as port:
            for run in range(runs):
                member = a_member(shop, 700, name=f"boris{run}")
                (basket,) = baskets_of(member, shop, 1)
                using.use(shop, member, basket, 500)
                cookies = a_session(member.user, checkout)
                no_fault(at_once(port, [sent(cookies, X_Decline=1)]))
                assert (used(member.account), balance(member.account)[2]) == (0, 500)
                no_fault(at_once(port, [sent(cookies), sent(cookies)]))
                assert (used(member.account), balance(member.account)[0]) == (500, 200)
        assert Order.objects.filter(total_incl_tax=45).count() == runs
        assert undercharged() == 0
        assert_clean()
