"""A reward for one side of a friendship alone, and a shop that approves every friend."""

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse

from loyalty_oscar.program.models import Event
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.referrals.models import Referral, Scheme
from loyalty_oscar.referrals.operations import ORDERED, decide, verdict_now
from loyalty_oscar.referrals.sentences import evidence, sentence
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.referrals.letters import friend_joined, friend_ordered
from tests.integration.ledger.books import assert_clean
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, ripen, send_back, text_of

from .friendly import an_inviting_club, bring, code_for, landing, points, register

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
INVITE, HOW = reverse("loyalty:invite"), reverse("loyalty:how-it-works")
GIVER, NEWCOMER = "150 paws", "100 paws"
#: Whom a scheme gives something: points of who invites, points of the newcomer.
SIDES = {"both": (150, 100), "who invites": (150, 0), "newcomer": (0, 100)}


def a_club_of(side, **fields):
    giver, newcomer = SIDES[side]
    return an_inviting_club(giver_points=giver, newcomer_points=newcomer, **fields)


@pytest.fixture
def priya(db):
    return a_user("priya@example.com")


class TestOneSide:
    @pytest.mark.parametrize("side", SIDES)
    @pytest.mark.parametrize(("price", "counts"), [("19.99", False), ("20.00", True), ("20.01", True)])
    def test_alone_is_rewarded_from_the_first_order_on(self, priya, side, price, counts):
        club = a_club_of(side)
        bring(club, priya)
        order = arrive(buy(priya, (a_product(price=price), 1), on=day(3, 3)), on=day(3, 5))
        ripen(on=day(3, 20))
        got = (points(club.boris)[0], points(priya)[0])
        assert got == (SIDES[side] if counts else (0, 0))
        send_back(order, 1, on=day(3, 21))
        assert (points(club.boris), points(priya)) == ((0, 0), (0, 0))
        assert_clean()

    def test_is_at_least_one(self, priya):
        club = a_club_of("both")
        with pytest.raises(IntegrityError), transaction.atomic():
            Scheme.objects.filter(pk=club.scheme.pk).update(giver_points=0, newcomer_points=0)
        assert Scheme.objects.get().giver_points == 150

    def test_fills_no_month_of_who_gets_nothing(self, priya):
        club = a_club_of("newcomer", per_month=1)
        for name in ("a", "b"):
            friend = a_user(f"{name}@example.com")
            bring(club, friend)
            buy(friend, (a_product(price="30.00"), 1), on=day(3, 3))
        assert not Referral.objects.filter(is_over_cap=True).exists()

    @pytest.mark.parametrize("side", SIDES)
    def test_alone_is_spoken_of(self, client, priya, side):
        club = a_club_of(side)
        bring(club, priya)
        pages = {"strangers": [landing(club.code), HOW], "member": [INVITE, HOW, reverse("loyalty:overview")]}
        told = [text_of(client.get(address)) for address in pages["strangers"]]
        told.append(text_of(client.get(reverse("customer:register"))))
        client.force_login(club.boris)
        client.post(INVITE)
        told += [text_of(client.get(address)) for address in pages["member"]]
        told.append(sentence(scheme=Scheme.objects.get(), unit=club.unit))
        for text in told:
            assert "0 paws with" not in text.replace("100 paws", "").replace("150 paws", "")
            assert " 0 paws for" not in text and "gets 0" not in text and "get 0" not in text
        invited, explained = told[0], told[3]
        assert (GIVER in invited, NEWCOMER in invited) == tuple(map(bool, SIDES[side]))
        assert (GIVER in explained, NEWCOMER in explained) == tuple(map(bool, SIDES[side]))

    def test_that_is_the_newcomer_leaves_the_one_who_invites_a_list_without_points(self, client, priya):
        club = a_club_of("newcomer")
        bring(club, priya)
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        client.force_login(club.boris)
        text = text_of(client.get(INVITE))
        assert "1 friend." in text and "First order on 3 March" in text
        assert "ready" not in text.partition("Friends you invited")[2].partition("First order")[0]
        assert friend_ordered(event=Event.objects.get(topic=ORDERED), at=TODAY) is None

    def test_that_is_who_invites_welcomes_a_newcomer_without_a_promise(self, client):
        club = a_club_of("who invites")
        client.get(landing(club.code))
        page = register(client, email="zoe@example.com")
        assert page.status_code == 302
        assert Referral.objects.get().newcomer_points == 0
        assert "invites you" not in text_of(client.get("/basket/"))
        assert "paws with your first order" not in text_of(client.get(reverse("loyalty:overview")))

    @pytest.mark.parametrize("side", SIDES)
    def test_is_promised_as_it_was_when_the_friend_came(self, priya, side):
        club = a_club_of(side)
        bring(club, priya)
        Scheme.objects.update(giver_points=1, newcomer_points=1)
        forget_cache()
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        assert (points(club.boris)[1], points(priya)[1]) == SIDES[side]


class TestAShopThatApprovesEveryFriend:
    @pytest.fixture
    def club(self, priya, django_capture_on_commit_callbacks):
        club = an_inviting_club(is_approved=True)
        club.referral = bring(club, priya)
        club.now = lambda: django_capture_on_commit_callbacks(execute=True)
        return club

    def order(self, priya):
        return arrive(buy(priya, (a_product(price="30.00"), 1), on=day(3, 3)), on=day(3, 5))

    def test_gives_nothing_before_somebody_decides(self, club, priya):
        assert verdict_now(referral=club.referral, at=day(3, 2)) == "review"
        self.order(priya)
        club.referral.refresh_from_db()
        assert (club.referral.state, points(club.boris), points(priya)) == ("review", (0, 0), (0, 0))
        assert evidence(referral=club.referral) == ["The shop approves every friend (asks for a look)"]

    @pytest.mark.parametrize(("decision", "given"), [("allow", (150, 100)), ("block", (0, 0))])
    def test_gives_what_was_promised_once_it_is_allowed(self, club, priya, decision, given):
        order = self.order(priya)
        with club.now():
            decide(referral=club.referral, decision=decision, reason="known to us", actor="staff:99999", at=day(3, 25))
        sync_orders(order_ids=[order.pk], at=day(3, 25))
        ripen(on=day(3, 26))
        assert (points(club.boris)[0], points(priya)[0]) == given
        assert_clean()

    def test_says_so_wherever_it_promises_something(self, client, club, priya):
        said = "We look at every invitation before it brings anything."
        assert said in text_of(client.get(landing(club.code))) and said in text_of(client.get(HOW))
        client.force_login(club.boris)
        assert said in text_of(client.get(INVITE))
        letter = friend_joined(event=Event.objects.get(topic="friend-joined"), at=day(3, 2))
        assert letter.context["is_checked"]
        assert "Somebody of the shop approves every friend first." in sentence(
            scheme=Scheme.objects.get(), unit=club.unit
        )

    def test_tells_the_newcomer_before_and_after_the_order_that_it_looks_first(self, client, club, priya):
        client.force_login(priya)
        product = a_product(price="30.00")
        client.post(f"/basket/add/{product.pk}/", {"quantity": 1})
        assert "that can bring 100 paws more. We check it first." in text_of(client.get("/basket/"))

    def test_takes_back_nothing_that_was_given_before_it_began(self, priya):
        club = an_inviting_club()
        bring(club, priya)
        order = self.order(priya)
        Scheme.objects.update(is_approved=True)
        forget_cache()
        sync_orders(order_ids=[order.pk], at=day(3, 6))
        assert (points(club.boris)[1], points(priya)[1]) == (150, 100)
        other = a_user("zoe@example.com")
        bring(club, other, code=code_for(a_user("anna@example.com"), club.unit))
        buy(other, (a_product(price="30.00"), 1), on=day(3, 7))
        assert points(other) == (0, 0)
        assert not mail.outbox
