"""Rewards for bringing a friend: on the way with the first order, gone with it unless used, and named on every page."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import grants
from loyalty_oscar.redemption.claims import is_promised, promised_by
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import ask, fulfil
from loyalty_oscar.referrals.models import Referral, Scheme
from loyalty_oscar.referrals.operations import decide
from loyalty_oscar.referrals.sentences import sentence
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.orders.returns import preview
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.rewards import jobs
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.integration.admin.conftest import root, staff  # noqa: F401
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, send_back, text_of

from .friendly import an_inviting_club, bring, landing, register

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
SPA, WASH, INVITE = "A day at the spa", "A wash", reverse("loyalty:invite")


@pytest.fixture
def club():
    """Who invites gets a day at the spa, the newcomer a wash; both are given by staff."""
    found = an_inviting_club()
    found.spa, found.wash = (
        RewardFactory(program=found.unit.program, name=name, price=None, cost_minor=1500) for name in (SPA, WASH)
    )
    given = {"giver_points": 0, "giver_reward": found.spa, "newcomer_points": 0, "newcomer_reward": found.wash}
    Scheme.objects.update(**given)
    forget_cache()
    return found


@pytest.fixture
def priya(db):
    return a_user("priya@example.com")


@pytest.fixture
def order(club, priya):
    """Her first order."""
    bring(club, priya)
    return buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))


def states():
    """What both have, by reward."""
    return dict(Claim.objects.values_list("reward__name", "state"))


def ready():
    """What can be used two weeks after an order arrived on 5 March."""
    with clock.at(day(3, 20)):
        list(jobs.run(day(3, 20)))


def status(order, status, on):
    type(order).objects.filter(pk=order.pk).update(status=status)
    sync_orders(order_ids=[order.pk], at=on)


def member(user):
    return Member.objects.get(user=user)


class TestRewardsOfFriends:
    def test_are_on_the_way_with_the_first_order_and_ready_when_it_cannot_go_back(self, club, priya, order):
        assert states() == {SPA: "waits", WASH: "waits"}
        assert {*Claim.objects.values_list("member__user", "reward__name")} == {(club.boris.pk, SPA), (priya.pk, WASH)}
        arrive(order, on=day(3, 5))
        assert {*Claim.objects.values_list("ready_at", flat=True)} == {day(3, 5) + timedelta(days=14)}
        ready()
        assert states() == {SPA: "open", WASH: "open"}
        assert not Entry.objects.filter(key__startswith="referral:").exists()

    def test_go_while_unused_with_a_cancelled_order_and_come_again_once_each(self, order):
        for word, wanted in (("Cancelled", "back"), ("Pending", "waits"), ("Cancelled", "back")):
            status(order, word, day(3, 4))
            assert states() == {SPA: wanted, WASH: wanted}
        assert Claim.objects.count() == 2

    def test_that_were_used_stay_when_everything_goes_back(self, order):
        arrive(order, on=day(3, 5))
        ready()
        spa = Claim.objects.get(reward__name=SPA)
        fulfil(claim=ask(claim=spa, at=day(3, 21)), actor="staff:1", at=day(3, 21))
        send_back(order, 1, on=day(3, 22))
        assert states() == {SPA: "used", WASH: "back"}
        assert Referral.objects.get().state == "reversed"

    def test_go_where_staff_decide_against_it(self, order, django_capture_on_commit_callbacks):
        told = {"referral": Referral.objects.get(), "decision": "block", "reason": "One person", "actor": "staff:99"}
        with clock.at(day(3, 4)), django_capture_on_commit_callbacks(execute=True):
            decide(**told, at=day(3, 4))
        assert states() == {SPA: "back", WASH: "back"}

    def test_are_what_was_promised_when_the_friend_came(self, club, priya):
        bring(club, priya)
        Scheme.objects.update(giver_reward=None, newcomer_reward=None, giver_points=5, newcomer_points=5)
        forget_cache()
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        assert states() == {SPA: "waits", WASH: "waits"}
        assert is_promised(reward=club.spa) and promised_by(reward=club.spa) == ["inviting friends"]

    def test_count_toward_the_most_for_a_month(self, club, order):
        Scheme.objects.update(per_month=1)
        forget_cache()
        zoe = a_user("zoe@example.com")
        bring(club, zoe)
        buy(zoe, (a_product(price="30.00"), 1), on=day(3, 4))
        assert Claim.objects.filter(reward=club.spa).count() == 1
        assert Claim.objects.filter(reward=club.wash).count() == 2

    def test_are_named_by_the_preview_of_a_return(self, order):
        assert sorted(preview(order=order, at=day(3, 4)).beside) == [
            "The reward “A day at the spa” goes back: The friend's first order went back.",
            "The reward “A wash” goes back: Your first order went back.",
        ]
        assert states() == {SPA: "waits", WASH: "waits"}

    def test_follow_who_was_merged(self, club, order):
        into = MemberFactory(program=club.unit.program, user=a_user("other@example.com"), joined_at=day(1, 2))
        merge(member=member(club.boris), into=into, actor="staff:1", at=day(3, 4))
        assert Claim.objects.get(reward__name=SPA).member == into
        status(order, "Cancelled", day(3, 5))
        assert states() == {SPA: "back", WASH: "back"}

    def test_are_in_what_both_take_along(self, club, priya, order):
        giver, newcomer = (export_member(member=member(user), at=TODAY) for user in (club.boris, priya))
        assert (giver["referrals"]["friends"][0]["reward"], giver["rewards"][0]["reward"]) == (SPA, SPA)
        assert (newcomer["referrals"]["was_invited"]["reward"], newcomer["rewards"][0]["reward"]) == (WASH, WASH)
        status(order, "Cancelled", day(3, 5))
        assert export_member(member=member(priya), at=TODAY)["referrals"]["was_invited"]["reward"] is None


class TestTheirWords:
    def test_name_them_on_the_page_of_the_invitation_and_when_one_registers(self, client, club):
        page = text_of(client.get(landing(club.code)))
        assert "Your welcome gift “A wash” With your first order from €20.00." in page
        assert "Your friend gets “A day at the spa” for the same order." in page
        assert "0 paws" not in page
        assert "invites you: “A wash” with your first order" in text_of(client.get(reverse("customer:register")))
        register(client)
        assert "“A wash” with your first order from €20.00." in text_of(client.get(reverse("loyalty:overview")))

    def test_name_them_to_who_invites(self, client, club, order):
        client.force_login(club.boris)
        client.post(INVITE)
        page = text_of(client.get(INVITE))
        assert "Your friend gets “A wash” with a first order from €20.00. You get “A day at the spa”" in page
        assert "1 friend. " in page and "First order on 3 March" in page
        assert "On the way “A day at the spa”" in page
        assert "we both get a gift" in client.get(INVITE).content.decode()
        how = text_of(client.get(reverse("loyalty:how-it-works")))
        assert "Your friend gets “A wash” with a first order from €20.00, and you get “A day at the spa”." in how

    def test_name_them_in_the_basket_and_after_the_order(self, client, club, priya):
        bring(club, priya)
        client.force_login(priya)
        client.post(reverse("basket:add", args=[a_product(price="30.00").pk]), {"quantity": 1})
        assert "plus “A wash”" in text_of(client.get("/basket/"))

    def test_name_them_in_the_mails(self, club, priya):
        bring(club, priya)
        list(deliver(at=day(3, 2)))
        assert "You get “A day at the spa” once your friend orders for €20.00 or more." in mail.outbox[-1].body
        mail.outbox = []
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        list(deliver(at=day(3, 4)))
        (letter,) = [letter for letter in mail.outbox if "ordered" in letter.subject]
        assert letter.subject.endswith("ordered: “A day at the spa” on the way")
        assert "That takes" not in letter.body

    def test_name_them_to_staff(self, root, club, order):  # noqa: F811
        said = sentence(scheme=Scheme.objects.get(), unit=club.unit)
        assert said.startswith("Who invites gets “A day at the spa” and the newcomer “A wash” for a first order")
        page = text_of(root.get(reverse("admin:loyalty_referrals_referral_change", args=[Referral.objects.get().pk])))
        assert "“A day at the spa” to who invited, “A wash” to the newcomer, first order from €20.00" in page

    def test_are_none_where_nothing_gives_rewards(self, client, club, priya, monkeypatch):
        monkeypatch.delitem(grants._things, "claim")
        bring(club, priya)
        buy(priya, (a_product(price="30.00"), 1), on=day(3, 3))
        assert Referral.objects.get().state == "rewarded"
        assert not Claim.objects.exists()
        client.force_login(club.boris)
        client.post(INVITE)
        for address in (landing(club.code), INVITE, reverse("loyalty:how-it-works")):
            page = text_of(client.get(address))
            assert SPA not in page and WASH not in page


class TestTheForm:
    def send(self, root, club, **changed):  # noqa: F811
        typed = {"is_on": "on", "giver_points": "", "newcomer_points": "", "least": "20.00", "per_month": "10"}
        return root.post(reverse("admin:loyalty_referrals_scheme_change", args=[club.scheme.pk]), {**typed, **changed})

    def test_takes_a_reward_for_one_side_and_points_for_the_other(self, root, club):  # noqa: F811
        assert self.send(root, club, giver_reward=club.spa.pk, newcomer_points="20").status_code == 302
        scheme = Scheme.objects.get()
        assert (scheme.giver_points, scheme.giver_reward, scheme.newcomer_points) == (0, club.spa, 20)
        assert scheme.newcomer_reward is None

    def test_refuses_both_nothing_and_a_reward_of_another_program(self, root, club):  # noqa: F811
        other = RewardFactory(program__code="other", program__is_default=False)
        for typed, said in (
            ({"giver_points": "5", "giver_reward": club.spa.pk}, "Say how much or choose a reward, not both."),
            ({}, "Somebody must get something: fill in one side."),
            ({"giver_reward": other.pk}, "That reward is of another program."),
        ):
            assert said in text_of(self.send(root, club, **typed))
        assert Scheme.objects.get().newcomer_reward == club.wash

    def test_has_a_guard_behind_it(self, club, order):
        for rows in (Scheme.objects.all(), Referral.objects.all()):
            with pytest.raises(IntegrityError), transaction.atomic():
                rows.update(newcomer_points=5)
        assert Scheme.objects.get().newcomer_points == 0
