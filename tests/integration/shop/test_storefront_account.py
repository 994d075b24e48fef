"""What the account page says."""

import re

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program import operations
from loyalty_oscar.program.models import Program, TermsVersion
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.testing import clock
from tests.storefront import (
    TODAY,
    a_club,
    a_product,
    a_user,
    arrive,
    boris,
    buy,
    day,
    numbers,
    ripen,
    send_back,
    text_of,
)

pytestmark = pytest.mark.django_db
BY_HAND = {"actor": "system", "note": "for a test"}
SIGNED = re.compile(r'class="loyalty-sum loyalty-(\w+)-ink">([+−\d,]*)<')


@pytest.fixture
def page(client):
    """The account page of a user; today is 6 May 2026."""

    return opener(client, "loyalty:overview")


@pytest.fixture
def statement(client):
    """The statement of a user; today is 6 May 2026."""
    return opener(client, "loyalty:statement")


def opener(client, name):
    def open_page(user, query=""):
        client.force_login(user)
        with clock.at(TODAY):
            return client.get(reverse(name) + query)

    return open_page


def column(response):
    """The signed numbers of the statement with their states, from the top."""
    found = SIGNED.findall(response.content.decode())
    return [(state, int(text.replace("−", "-").replace(",", "") or 0)) for state, text in found]


class TestTheNumbers:
    def test_say_what_is_ready_with_its_worth_and_what_is_on_the_way_with_its_day(self, page):
        a_club()
        response = page(boris())
        said = text_of(response)
        assert "Ready to use 222 paws = €2.22" in said
        assert "On the way 37 paws = €0.37 24 on 13 May 2026 · Order" in said
        assert re.search(r"13 after delivery · Order \d+", said)
        assert set(numbers(response, "available")) == {222}
        assert numbers(response, "pending") == [37]
        assert numbers(response, "debt") == []

    def test_list_every_coming_expiry_and_name_the_next(self, page):
        a_club()
        said = text_of(page(boris()))
        assert "Next to run out 38 paws = €0.38 On 31 March 2027" in said
        assert "All dates 31 March 2027 38 paws 31 May 2027 184 paws Ready 222 paws" in said

    def test_hold_very_large_and_very_small_numbers(self, page):
        unit = a_club()
        large, one = a_user("l@example.com"), a_user("o@example.com")
        for user, points in ((large, 118_400), (one, 1)):
            account = ledger.open_account(member=join(program=unit.program, user_id=user.pk, at=TODAY), unit=unit)
            ledger.adjust(
                account_id=account.pk, points=points, key="adjust:1", because=Because("goodwill"), at=TODAY, **BY_HAND
            )
        assert "118,400 paws = €1,184.00" in text_of(page(large))
        assert "Ready to use 1 paw = €0.01" in text_of(page(one))


class TestTheNewestLines:
    def test_are_five_by_the_day_they_came_with_the_way_to_all(self, page):
        a_club()
        user, thing = a_user(), a_product(price="1.00")
        for number in range(1, 8):
            arrive(buy(user, (thing, 1), on=day(4, number)), on=day(4, number))
        ripen(on=day(5, 1))
        buy(user, (thing, 3), on=day(5, 5))
        response = page(user)
        assert column(response) == [("way", 3), *[("ready", 1)] * 4]
        assert "5 May" in text_of(response)
        assert f'href="{reverse("loyalty:statement")}">All 8 lines' in response.content.decode()

    def test_lead_nowhere_where_they_are_all(self, page):
        a_club()
        user = boris()
        said = text_of(page(user))
        assert "What happened last" in said
        assert "All 5 lines" not in said

    def test_stand_below_what_a_member_can_do(self, page):
        a_club()
        said = text_of(page(boris()))
        assert said.index("Ready to use") < said.index("What happened last") < said.index("How the Paw Club works")


class TestTheFirstCard:
    def test_has_one_button_whatever_is_ready(self, page):
        a_club()
        response = page(boris())
        assert response.content.decode().count("btn btn-primary") == 1
        assert "Find something nice" in text_of(response)


class TestWhatRunsOutSoon:
    @pytest.mark.parametrize(
        ("ends", "said"),
        [(6, "Today · On 6 May"), (7, "Tomorrow · On 7 May"), (20, "In 14 days · On 20 May")],
    )
    def test_says_in_how_many_days_with_a_warm_edge(self, page, ends, said):
        a_club()
        user = boris()
        Account.objects.get(member__user=user).lots.filter(remaining=38).update(
            expires_at=day(5, ends).replace(hour=22)
        )
        response = page(user)
        assert said in text_of(response)
        assert response.content.decode().count("loyalty-edge") == 1

    def test_is_a_date_like_any_other_before(self, page):
        a_club()
        assert "loyalty-edge" not in page(boris()).content.decode()

    def test_says_what_never_runs_out_so_that_the_dates_add_up(self, page):
        a_club()
        user = boris()
        Account.objects.get(member__user=user).lots.filter(remaining=184).update(expires_at=None)
        assert "31 March 2027 38 paws Never runs out 184 paws Ready 222 paws" in text_of(page(user))


class TestTheStatement:
    def test_shows_an_order_once_whatever_became_of_its_points(self, statement):
        a_club()
        user = boris()
        said = text_of(statement(user))
        for order in user.orders.all():
            assert said.count(f"Order {order.number} ,") == 1

    def test_adds_up_to_what_is_ready_and_what_is_on_the_way(self, statement):
        a_club()
        user = boris()
        found = column(statement(user))
        account = Account.objects.get(member__user=user)
        assert found == [("way", 13), ("way", 24), ("ready", 184), ("back", -6), ("ready", 44)]
        assert sum(n for state, n in found if state != "way") == account.available - account.debt
        assert sum(n for state, n in found if state == "way") == account.pending

    def test_explains_each_line_and_says_when_its_points_run_out(self, statement):
        a_club()
        said = text_of(statement(boris()))
        assert (
            "Why 184? Goods, after discounts €184.50 1 paw for each €1.00 184.50 "
            "Rounded down 184 paws Ordered on 14 April 2026. Last day: 31 May 2027." in said
        )
        assert "Orthopaedic bed for extra-large dogs, moss green, 110 × 80 cm and 2 more" in said
        assert "The order had brought 44 paws." in said

    def test_sums_each_month_by_state(self, statement):
        a_club()
        assert "March 2026 +44 ready, −6 taken back" in text_of(statement(boris()))

    def test_shows_points_that_came_back_before_they_were_ready_without_counting_them(self, page, statement):
        a_club()
        user = a_user()
        order = arrive(buy(user, (a_product(price="10.00"), 3), on=day(4, 28)), on=day(4, 29))
        send_back(order, 1, on=day(5, 2))
        response = statement(user)
        assert "went back No longer on the way: 10 paws" in text_of(response)
        assert column(response) == [("way", 20), ("back", 0)]
        assert numbers(page(user), "pending") == [20]

    @pytest.mark.django_db(transaction=True)
    def test_says_once_that_an_order_was_cancelled_however_its_lines_are_saved(self, statement, monkeypatch):
        """Oscar's cascade saves each line before the order: no transaction is around them here."""
        monkeypatch.setattr(get_model("order", "Order"), "cascade", {"Cancelled": "Cancelled"})
        a_club()
        user = a_user()
        order = buy(user, (a_product("Bed", "30.00"), 1), (a_product("Bowl", "17.00"), 2), on=day(5, 5))
        with clock.at(TODAY):
            order.set_status("Cancelled")
        said = text_of(statement(user))
        assert said.count(f"Order {order.number} was cancelled") == 1
        assert "went back" not in said
        assert "this part of it" not in said
        assert {line.status for line in order.lines.all()} == {"Cancelled"}

    def test_says_what_need_not_be_given_back_and_why(self, statement):
        unit = a_club(debt_policy=Program.Debt.CLAMP)
        user = a_user()
        order = arrive(buy(user, (a_product(price="30.00"), 1), on=day(3, 1)), on=day(3, 1))
        ripen(on=day(3, 20))
        account = Account.objects.get(member__user=user, unit=unit)
        because = Because("adjusted")
        ledger.adjust(account_id=account.pk, points=-12, key="m", because=because, at=day(3, 21), **BY_HAND)
        account.lots.update(expires_at=day(4, 1))
        ledger.expire(account_id=account.pk, at=day(4, 2))
        send_back(order, 1, on=day(4, 3))
        said = text_of(statement(user))
        assert "18 paws had run out before; you need not give that back." in said
        assert "You had used 12 paws already; you need not make up for that." in said

    def test_shows_no_line_for_a_gift_that_stands_again_though_nothing_came_back(self, statement):
        unit = a_club(debt_policy=Program.Debt.CLAMP)
        user = a_user()
        member = join(program=unit.program, user_id=user.pk, at=day(1, 2))
        gift = {"member_id": member.pk, "key": "gift:1", "because": Because("goodwill")}
        gift["promise"] = Promise(points=50)
        operations.give(at=day(2, 1), **gift)
        account = Account.objects.get(member=member)
        because = Because("adjusted")
        ledger.adjust(account_id=account.pk, points=-50, key="m", because=because, at=day(2, 2), **BY_HAND)
        operations.take_back(at=day(2, 3), **gift)
        operations.give(at=day(2, 4), **gift)
        assert column(statement(user)) == [("back", 0), ("back", -50), ("ready", 50)]

    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            ("ready", [("ready", 184), ("ready", 44)]),
            ("way", [("way", 13), ("way", 24)]),
            ("back", [("back", -6)]),
            ("used", []),
            ("out", []),
        ],
    )
    def test_can_be_filtered_in_the_address(self, statement, kind, shown):
        a_club()
        assert column(statement(boris(), f"?kind={kind}")) == shown

    def test_starts_with_the_month_of_the_address(self, statement):
        a_club()
        assert column(statement(boris(), "?from=2026-03")) == [("back", -6), ("ready", 44)]

    def test_goes_on_with_the_next_month_after_a_dozen_lines(self, statement):
        unit = a_club()
        user, thing = a_user(), a_product(price="1.00")
        for month in (2, 3, 4):
            for number in range(1, 9):
                arrive(buy(user, (thing, 1), on=day(month, number)), on=day(month, number))
        ripen(on=day(4, 30))
        response = statement(user)
        assert len(column(response)) == 16
        assert "Show February 2026" in text_of(response)
        assert "?kind=&amp;from=2026-02" in response.content.decode()
        assert len(column(statement(user, "?kind=&from=2026-02"))) == 8
        assert unit.program.name in text_of(response)

    @pytest.mark.parametrize("query", ["?kind=nonsense", "?from=1999-13", "?from=%00", "?kind=ready&from=2020-01"])
    def test_says_that_a_choice_does_not_exist_and_shows_everything(self, statement, query):
        a_club()
        response = statement(boris(), query)
        assert response.status_code == 200
        assert "There is no such choice." in text_of(response)
        assert len(column(response)) == 5

    def test_shows_no_order_of_somebody_else(self, statement):
        a_club()
        boris()
        said = text_of(statement(a_user("else@example.com")))
        assert "Nothing has happened yet." in said
        assert not re.search(r"Order \d{6}", said)


class TestPointsToMakeUp:
    @pytest.fixture
    def owing(self):
        """Bought for 97, used 57 of the paws, sent everything back: 40 missing. Another order is on the way."""
        a_club()
        user = a_user()
        order = arrive(buy(user, (a_product(price="97.00"), 1), on=day(4, 1)), on=day(4, 2))
        ripen(on=day(4, 20))
        account = Account.objects.get(member__user=user)
        ledger.adjust(
            account_id=account.pk, points=-40, key="adjust:1", because=Because("adjusted"), at=day(4, 21), **BY_HAND
        )
        send_back(order, 1, on=day(4, 25))
        buy(user, (a_product(price="66.00"), 1), on=day(5, 1))
        return user

    def test_come_first_with_their_story_and_no_threat(self, page, owing):
        response = page(owing)
        said = text_of(response)
        assert "40 paws to go, then you can use yours again" in said
        assert "97 paws had to go back. The next 40 paws you earn will make up the rest." in said
        assert "We charge no money." in said
        assert "57 of 97 paws made up 40 to go" in said
        assert numbers(response, "debt") == [40]
        assert set(numbers(response, "available")) == {0}
        assert said.index("40 paws to go") < said.index("Ready to use")

    def test_are_told_apart_from_what_is_on_the_way_at_the_same_time(self, page, owing):
        response = page(owing)
        assert numbers(response, "pending") == [66]
        assert "40 of them will make up the rest, you keep 26 paws ." in text_of(response)

    def test_are_explained_where_later_points_made_them_up(self, page, statement, owing):
        arrive(owing.orders.order_by("-pk").first(), on=day(5, 2))
        ripen(on=day(5, 30))
        response = page(owing)
        assert "40 paws of them made up what was missing." in text_of(response)
        assert set(numbers(response, "available")) == {26}
        assert sum(n for _state, n in column(statement(owing))) == 26


class TestTheEmptyAccount:
    def test_says_what_the_first_order_brings_and_has_one_button(self, page):
        a_club()
        for number in range(3):
            buy(a_user(f"{number}@example.com"), (a_product(price="43.00"), 1), on=day(4, 1))
        response = page(a_user())
        assert "Your first order brings about 40 paws" in text_of(response)
        assert set(numbers(response, "available")) == {0}
        assert response.content.decode().count("btn-primary") == 1

    def test_makes_no_number_up_where_nobody_earned_yet(self, page):
        a_club()
        assert "Your first order starts your account" in text_of(page(a_user()))


class TestAPausedOrEndingProgram:
    def test_says_that_it_pauses(self, page):
        unit = a_club()
        user = boris()
        change_state(program=unit.program, to="paused", actor="system", at=day(5, 6))
        said = text_of(page(user))
        assert "The Paw Club pauses. What you have stays yours" in said
        assert "222 paws" in said

    def test_says_until_when_points_can_be_used(self, page):
        unit = a_club()
        user = boris()
        change_state(program=unit.program, to="closing", actor="system", at=day(5, 1))
        said = text_of(page(user))
        assert "The Paw Club is coming to an end. Orders earned until 1 May 2026. What you have is yours until" in said

    def test_leaves_its_statement_to_its_members_when_it_is_closed(self, page, statement):
        unit = a_club()
        user = boris()
        for state, month in (("closing", 1), ("closed", 5)):
            change_state(program=unit.program, to=state, actor="system", at=day(month, 6, 2027))
        said = text_of(page(user))
        assert "The Paw Club has ended. Your statement stays here." in said
        assert "Ready to use 0 paws" in said
        for response in (page(user), statement(user, "?kind=ready")):
            assert [points for _state, points in column(response)], "the lines are there"
        assert page(a_user("stranger@example.com")).status_code == 404

    def test_says_that_orders_still_earn_until_they_do_not(self, page, client):
        unit, user, product = a_club(), boris(), a_product()
        program = unit.program
        change_state(program=program, to="closing", actor="system", at=day(5, 1), earning_ends_at=day(5, 31))
        assert "Orders earn until 31 May 2026." in text_of(page(user))
        with clock.at(TODAY):
            assert "Earn 24 paws" in text_of(client.get(product.get_absolute_url()))
        with clock.at(day(6, 1)):
            assert "Earn 24 paws" not in text_of(client.get(product.get_absolute_url()))


class TestJoining:
    @pytest.fixture
    def club(self):
        unit = a_club(enrolment="opt-in")
        TermsVersion.objects.create(program=unit.program, version=3, text="Be nice.", starts_at=day(1, 1))
        return unit

    def test_is_offered_to_who_is_not_in(self, page, club):
        said = text_of(page(a_user()))
        assert "You are not in the Paw Club yet" in said
        assert "Ready to use" not in said

    def test_writes_down_which_terms_were_accepted(self, client, club):
        user = a_user()
        client.force_login(user)
        with clock.at(TODAY):
            assert "Terms of the Paw Club, version 3, in force since 1 January 2026 Be nice." in text_of(
                client.get(reverse("loyalty:join"))
            )
            response = client.post(reverse("loyalty:join"), {"accept": "on"}, follow=True)
        account = Account.objects.select_related("member").get(member__user=user)
        assert (account.member.terms_version, account.member.joined_at) == (3, TODAY)
        assert "Ready to use 0 paws" in text_of(response)

    def test_is_refused_without_consent(self, client, club):
        client.force_login(a_user())
        response = client.post(reverse("loyalty:join"), {})
        assert "Tick the box to join" in text_of(response)
        assert not Account.objects.exists()

    def test_is_for_people_who_are_signed_in(self, client, club):
        response = client.post(reverse("loyalty:join"), {"accept": "on"})
        assert response.status_code == 302
        assert response.url.startswith(reverse("customer:login"))
        assert not Account.objects.exists()


class TestTheAccountPageWithoutAProgram:
    def test_is_not_there(self, client):
        client.force_login(a_user())
        assert client.get(reverse("loyalty:overview")).status_code == 404

    def test_asks_strangers_to_log_in_first(self, client):
        a_club()
        response = client.get(reverse("loyalty:overview"))
        assert response.url == f"{reverse('customer:login')}?next={reverse('loyalty:overview')}"
