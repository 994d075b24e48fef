"""What staff read of a customer's rewards on the dashboard, and give there."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Event, Program
from loyalty_oscar.redemption.models import Claim, ClaimStep
from loyalty_oscar.redemption.operations import buy
from loyalty_oscar.testing.factories import MemberFactory, ProgramFactory, RewardFactory
from tests.integration.shop.test_dashboard import LOOK, customer, staff, text, unit, user_page  # noqa: F401

pytestmark = pytest.mark.django_db
FULFIL = "fulfil_claim"


@pytest.fixture
def reward(unit):  # noqa: F811
    return RewardFactory(program=unit.program, name="A grooming", price=500)


@pytest.fixture
def desk(staff):  # noqa: F811
    """A clerk who looks after rewards, and nothing else."""
    clerk, client = staff(LOOK)
    clerk.user_permissions.add(Permission.objects.get(codename=FULFIL))
    return clerk, client


def page(customer, unit):  # noqa: F811
    return reverse("loyalty:dashboard-reward", args=[customer.pk, unit.pk])


def typed(client, customer, unit, **fields):  # noqa: F811
    """What the form sends, with the token of the page."""
    token = re.search(r'name="token" value="([0-9a-f-]{36})"', text(client.get(page(customer, unit))))[1]
    return {"token": token, "reason": "The parcel was late", **fields}


class TestThePanel:
    def test_is_not_there_in_a_shop_without_rewards(self, desk, customer):  # noqa: F811
        assert "Rewards of the customer" not in text(desk[1].get(user_page(customer)))

    def test_offers_to_give_one(self, desk, unit, customer, reward):  # noqa: F811
        html = text(desk[1].get(user_page(customer)))
        assert "Rewards of the customer" in html
        assert page(customer, unit) in html

    def test_offers_nothing_to_who_only_looks(self, staff, unit, customer, reward):  # noqa: F811
        _clerk, client = staff(LOOK)
        html = text(client.get(user_page(customer)))
        assert "Rewards of the customer" in html
        assert page(customer, unit) not in html


class TestGiving:
    def test_is_once_however_often_the_form_is_sent_and_tells_the_customer(self, desk, unit, customer, reward):  # noqa: F811
        clerk, client = desk
        data = typed(client, customer, unit, reward=str(reward.pk))
        for _time in range(2):
            assert client.post(page(customer, unit), data).status_code == 302

        claim, step = Claim.objects.get(), ClaimStep.objects.get()
        assert (claim.reward, claim.paid, claim.state, claim.member.user) == (reward, 0, "open", customer)
        assert (step.note, step.actor) == ("The parcel was late", f"staff:{clerk.pk}")
        assert [*Event.objects.values_list("topic", flat=True)] == ["reward-got"]
        html = text(client.get(user_page(customer)))
        assert "A grooming" in html
        assert "can be used" in html

    @pytest.mark.parametrize(
        "fields", [{"reason": ""}, {"reward": ""}, {"reward": "other"}, {"reward": "off"}, {"token": "x"}]
    )
    def test_of_what_does_not_fit_gives_nothing(self, desk, unit, customer, reward, fields):  # noqa: F811
        other = RewardFactory(program=ProgramFactory(code="other", is_default=False))
        keys = {"other": str(other.pk), "off": str(RewardFactory(program=unit.program, is_on=False).pk), "": ""}
        data = {"reward": str(reward.pk), **fields}
        data["reward"] = keys.get(data["reward"], data["reward"])
        answer = desk[1].post(page(customer, unit), {**typed(desk[1], customer, unit), **data})
        assert answer.status_code == 200
        assert not Claim.objects.exists()

    def test_says_that_somebody_has_not_joined(self, desk, unit, customer, reward):  # noqa: F811
        Program.objects.update(enrolment=Program.Enrolment.OPT_IN)
        answer = desk[1].post(page(customer, unit), typed(desk[1], customer, unit, reward=str(reward.pk)))
        assert "has not joined" in text(answer)

    def test_is_refused_to_who_may_not(self, staff, unit, customer, reward):  # noqa: F811
        clerk, client = staff(LOOK)
        assert client.get(page(customer, unit)).status_code == 403
        clerk.user_permissions.add(Permission.objects.get(codename=FULFIL))
        assert client.get(page(clerk, unit)).status_code == 403
        assert client.get(reverse("loyalty:dashboard-reward", args=["none", unit.pk])).status_code == 404

    def test_is_refused_to_another_login_of_ones_own(self, desk, unit, customer, reward):  # noqa: F811
        clerk, client = desk
        own, other = (MemberFactory(program=unit.program, user=one) for one in (clerk, customer))
        merge(member=other, into=own, actor="staff:1", at=clock.now())
        assert client.get(page(customer, unit)).status_code == 403


class TestTheMembersPage:
    def test_lists_what_a_member_has(self, admin_client, unit, reward):  # noqa: F811
        member = MemberFactory(program=unit.program, points=500)
        address = reverse("admin:loyalty_program_member_change", args=[member.pk])
        assert "loyalty-rewards" not in text(admin_client.get(address))
        buy(reward=reward, member=member, key="1", text="Friday", at=clock.now())
        html = text(admin_client.get(address))
        assert "Friday" in html
        assert reverse("admin:loyalty_redemption_claim_change", args=[Claim.objects.get().pk]) in html
