"""A reward as the gift of a level: given once, on the way while the climb can go back, gone with it if unused."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.hooks import reward_uses
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.registries import grants
from loyalty_oscar.redemption.claims import is_promised
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import ask, fulfil
from loyalty_oscar.shop.notices import deliver
from loyalty_oscar.shop.orders.returns import preview
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.redemption.rewards import jobs
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RewardFactory
from loyalty_oscar.tiers.models import Tier
from loyalty_oscar.tiers.operations import date_waiting_gifts
from loyalty_oscar.tiers.sentences import sentence
from tests.integration.admin.conftest import root, staff  # noqa: F401
from tests.storefront import a_product, a_user, arrive, buy, day, send_back, text_of

from .ladders import a_ladder, known, now, told_and_over

pytestmark = pytest.mark.django_db


@pytest.fixture
def reward(unit):
    """A day at the spa, which staff give."""
    return RewardFactory(program=unit.program, name="A day at the spa", price=None, valid_days=30)


@pytest.fixture
def ladder(unit, reward):
    """Silver from 150.00 brings it."""
    found = a_ladder.__wrapped__(unit=unit)
    found.tiers.filter(code="silver").update(reward=reward)
    return known(found)


def bought(user, price="200.00", on=None):
    return buy(user, (a_product(price=price), 1), on=on or day(3, 1))


def claim():
    return Claim.objects.get()


def used():
    """The claim of the test, which staff gave."""
    return fulfil(claim=ask(claim=claim(), at=day(4, 2)), actor="staff:1", at=day(4, 2))


def ready():
    """The night of 1 April, after which what is ready can be used."""
    with clock.at(day(4, 1)):
        list(jobs.run(day(4, 1)))


@pytest.mark.usefixtures("ladder")
class TestALevelThatGivesAReward:
    def test_gives_it_once_when_nothing_of_the_climb_can_go_back(self):
        order = bought(a_user())
        assert (claim().state, claim().ready_at, claim().key) == ("waits", None, f"tier:{now(order.user).tier_id}:gift")
        arrive(order, on=day(3, 2))
        assert claim().ready_at == day(3, 2) + timedelta(days=14)
        bought(order.user, on=day(3, 3))
        ready()
        assert (claim().state, Entry.objects.filter(key__startswith="tier:").count()) == ("open", 0)

    def test_takes_it_back_with_the_return_that_takes_the_level_and_gives_the_same_again(self):
        user = a_user()
        order = bought(user)
        for status, wanted in (("Cancelled", "back"), ("Pending", "waits"), ("Cancelled", "back")):
            type(order).objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=day(3, 2))
            assert claim().state == wanted
        assert claim().number == 1

    def test_leaves_what_was_used_and_gives_no_second_one(self):
        order = arrive(bought(a_user()), on=day(3, 2))
        ready()
        used()
        send_back(order, 1, on=day(4, 5))
        assert (now(order.user).rank, claim().state) == (0, "used")
        bought(order.user, on=day(4, 6))
        assert (now(order.user).rank, claim().state) == (2, "used")

    def test_spares_what_an_earlier_climb_brought(self, ladder):
        user = a_user()
        arrive(bought(user), on=day(3, 2))
        ready()
        told_and_over(ladder, user, day(2, 5, 2028))
        order = bought(user, on=day(2, 6, 2028))
        send_back(order, 1, on=day(2, 7, 2028))
        assert (now(user).rank, claim().state) == (1, "open")

    def test_that_gave_points_before_gives_nobody_both(self, ladder, reward):
        Tier.objects.filter(code="silver").update(reward=None, points=50)
        forget_cache()
        user = a_user()
        order = bought(user)
        Tier.objects.filter(code="silver").update(reward=reward, points=0)
        forget_cache()
        for status in ("Cancelled", "Pending"):
            type(order).objects.filter(pk=order.pk).update(status=status)
            sync_orders(order_ids=[order.pk], at=day(3, 2))
        assert not Claim.objects.exists()
        back, again = Entry.objects.filter(key__contains=":gift:").order_by("pk")
        assert (back.d_pending, again.d_pending) == (-50, 50)

    def test_dates_in_the_night_what_nobody_told(self, ladder):
        arrive(bought(a_user()), on=day(3, 2))
        Claim.objects.update(ready_at=None)
        assert sum(date_waiting_gifts(ladder=ladder, at=day(3, 3))) == 1
        assert claim().ready_at == day(3, 2) + timedelta(days=14)

    def test_says_before_a_return_that_the_reward_goes_and_nothing_of_one_that_was_used(self):
        order = arrive(bought(a_user()), on=day(3, 2))
        text = "The reward “A day at the spa” goes back: The gift for reaching Silver went back."
        assert text in preview(order=order, at=day(3, 3)).beside
        assert claim().state == "waits"
        ready()
        used()
        assert text not in preview(order=order, at=day(4, 5)).beside

    def test_follows_who_was_merged(self, unit):
        user, other = a_user(), a_user("other@example.com")
        order = bought(user)
        bought(other, "10.00")
        gone, into = (Member.objects.get(user=one) for one in (user, other))
        merge(member=gone, into=into, actor="staff:1", at=day(3, 2))
        assert (claim().member, claim().state) == (into, "waits")
        arrive(order, on=day(3, 3))
        assert claim().ready_at == day(3, 3) + timedelta(days=14)
        bought(other, on=day(3, 4))
        assert claim().state == "waits"

    def test_is_in_what_a_member_takes_along(self):
        user = a_user()
        bought(user)
        (row,) = export_member(member=Member.objects.get(user=user), at=day(3, 2))["rewards"]
        assert (row["reward"], row["state"], row["why"]) == ("A day at the spa", "waits", "A gift for reaching Silver")


@pytest.mark.usefixtures("ladder")
class TestItsWords:
    def page(self, name, user=None):
        client = Client()
        if user:
            client.force_login(user)
        with clock.at(day(3, 1)):
            return text_of(client.get(reverse(name)))

    def test_name_the_reward_on_every_page_of_levels(self, ladder, unit):
        for name in ("loyalty:levels", "loyalty:how-it-works"):
            assert "A gift when you first reach it: “A day at the spa”" in self.page(name), name
        assert "(Paws: 10 % more, the reward “A day at the spa” as a gift)" in sentence(ladder=ladder, unit=unit)

    def test_name_it_in_the_basket_and_after_the_order(self, client):
        user = a_user()
        bought(user, "10.00")
        client.force_login(user)
        with clock.at(day(3, 1)):
            client.post(reverse("basket:add", args=[a_product(price="200.00").pk]), {"quantity": 1})
            assert "Plus “A day at the spa” for reaching Silver" in text_of(client.get("/basket/"))
        order = bought(user)
        session = client.session
        session["checkout_order_id"] = order.pk
        session.save()
        with clock.at(day(3, 1)):
            said = text_of(client.get(reverse("checkout:thank-you")))
        assert "“A day at the spa” for reaching Silver, ready once this order can’t be sent back." in said
        assert "Plus “A day at the spa” for reaching Silver" in said

    def test_name_it_in_the_mail(self):
        bought(a_user())
        list(deliver(at=day(3, 2)))
        letter = next(letter for letter in mail.outbox if letter.subject == "Welcome to Silver")
        assert "Your gift for reaching it: “A day at the spa”, ready once the return period is over." in letter.body

    def test_are_none_where_nothing_gives_rewards(self, monkeypatch, ladder, unit):
        monkeypatch.delitem(grants._things, "claim")
        user = a_user()
        bought(user)
        assert not Claim.objects.exists()
        assert now(user).rank == 2
        for name in ("loyalty:levels", "loyalty:how-it-works"):
            assert "spa" not in self.page(name, user)
        assert "spa" not in sentence(ladder=ladder, unit=unit)


class TestTheForm:
    def typed(self, page, **changed):
        form = page.context["inline_admin_formsets"][0].formset
        data = {f"tiers-{name}": form.management_form[name].value() for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
        for row in [page.context["adminform"].form, *form.forms]:
            data |= {row.add_prefix(name): row[name].value() for name in row.fields if row[name].value()}
        return {name: value for name, value in (data | changed).items() if value or value == 0}

    def test_offers_rewards_of_its_program_and_refuses_both(self, root, ladder, reward):  # noqa: F811
        address = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
        page = root.get(address)
        field = page.context["inline_admin_formsets"][0].formset.forms[1].fields["reward"]
        assert list(field.queryset) == [reward]
        answer = root.post(address, self.typed(page, **{"tiers-1-points": 50}))
        assert "Say how much or choose a reward, not both." in answer.content.decode()
        other = {"tiers-2-reward": reward.pk, "tiers-1-reward": "", "tiers-1-points": 50}
        assert root.post(address, self.typed(page, **other)).status_code == 302
        assert [*Tier.objects.order_by("rank").values_list("reward", "points")] == [
            (None, 0),
            (None, 50),
            (reward.pk, 0),
        ]

    def test_refuses_a_reward_for_a_level_that_everybody_has(self, root, ladder, reward):  # noqa: F811
        address = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
        answer = root.post(
            address, self.typed(root.get(address), **{"tiers-0-takes": "0", "tiers-0-reward": reward.pk})
        )
        assert "so nobody reaches it: it brings no gift." in answer.content.decode()

    def test_shows_no_field_where_there_is_no_reward(self, root, unit):  # noqa: F811
        ladder = a_ladder.__wrapped__(unit=unit)
        page = root.get(reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk]))
        assert "reward" not in page.context["inline_admin_formsets"][0].formset.forms[1].fields

    def test_keeps_the_reward_as_it_is_and_from_being_deleted(self, root, ladder, reward):  # noqa: F811
        assert [*reward_uses.answers(reward=reward)] and is_promised(reward=reward)
        page = root.get(reverse("admin:loyalty_program_reward_change", args=[reward.pk]))
        assert "It is promised by: the level Silver." in text_of(page)
        assert root.get(reverse("admin:loyalty_program_reward_delete", args=[reward.pk])).status_code == 403

    def test_has_a_guard_behind_it(self, ladder):
        with pytest.raises(IntegrityError), transaction.atomic():
            Tier.objects.filter(code="silver").update(points=5)
        assert Tier.objects.get(code="silver").points == 0
