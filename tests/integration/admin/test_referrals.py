"""Bringing a friend in the admin: what each side gets, and the queue that staff decide on."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.program.hooks import program_warnings
from loyalty_oscar.referrals.models import Code, Referral, Scheme
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.testing.factories import MemberFactory
from tests.integration.ledger.books import assert_clean
from tests.integration.referrals.friendly import an_inviting_club, bring, points
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
ADD = reverse("admin:loyalty_referrals_scheme_add")
QUEUE = reverse("admin:loyalty_referrals_referral_changelist")
TYPED = {"is_on": "on", "giver_points": "150", "newcomer_points": "100", "least": "25.50", "per_month": "10"}


def decide_at(referral):
    return reverse("admin:loyalty_referrals_referral_decide", args=[referral.pk])


def page_of(referral):
    return reverse("admin:loyalty_referrals_referral_change", args=[referral.pk])


def state():
    referral = Referral.objects.get()
    return referral.state, referral.decision


def history():
    """What the admin's history says of decisions, oldest first."""
    return [row.change_message for row in LogEntry.objects.order_by("pk")]


@pytest.fixture
def blocked(django_capture_on_commit_callbacks):
    """Boris has brought somebody with his own mailbox, and the order is there."""
    club = an_inviting_club()
    club.twin = a_user("boris+friend@example.com")
    club.referral = bring(club, club.twin)
    club.order = arrive(buy(club.twin, (a_product(price="30.00"), 1), on=day(5, 2)), on=day(5, 4))
    club.now = lambda: django_capture_on_commit_callbacks(execute=True)
    return club


class TestTheCodeOfWhoInvited:
    def test_stands_in_the_queue_on_the_page_and_finds_the_friend(self, root, blocked):
        code = blocked.referral.giver.referral_code.code
        for page in (QUEUE, page_of(blocked.referral), f"{QUEUE}?q={code}"):
            assert code in text_of(root.get(page))
        assert root.get(QUEUE, {"q": code}).context["cl"].result_count == 1

    def test_stands_on_the_dashboards_page_of_a_customer(self, root, blocked):
        giver = blocked.referral.giver
        said = f"Code for friends: {giver.referral_code.code}"
        assert said in text_of(root.get(reverse("dashboard:user-detail", args=[giver.user_id])))
        assert "Code for friends" not in text_of(root.get(reverse("dashboard:user-detail", args=[blocked.twin.pk])))

    def test_may_be_missing(self, root, blocked):
        Code.objects.all().delete()
        assert root.get(QUEUE).status_code == root.get(page_of(blocked.referral)).status_code == 200


class TestAScheme:
    def test_is_set_up_with_money_typed_as_money_and_reads_back(self, root, unit):
        root.post(ADD, {"program": unit.program_id, **TYPED})
        scheme = Scheme.objects.get()
        page = text_of(root.get(reverse("admin:loyalty_referrals_scheme_change", args=[scheme.pk])))

        assert (scheme.least_minor, scheme.giver_points) == (2550, 150)
        assert "Who invites gets 150 paws and the newcomer 100 paws for a first order from €25.50" in page
        assert (
            'value="25.50"'
            in root.get(reverse("admin:loyalty_referrals_scheme_change", args=[scheme.pk])).content.decode()
        )

    @pytest.mark.parametrize(
        ("field", "value"), [("least", "-1"), ("least", "1.005"), ("least", "99999999.00"), ("giver_points", "-1")]
    )
    def test_refuses_what_cannot_be(self, root, unit, field, value):
        answer = root.post(ADD, {"program": unit.program_id, **TYPED, field: value})

        assert field in answer.context["adminform"].form.errors
        assert not Scheme.objects.exists()

    def test_says_numbers_as_people_write_them_and_no_least_where_there_is_none(self, root, unit):
        root.post(ADD, {"program": unit.program_id, **TYPED, "least": "0", "per_month": "12000"})
        page = text_of(root.get(reverse("admin:loyalty_referrals_scheme_change", args=[Scheme.objects.get().pk])))
        assert "for a first order of any amount, ready when" in page
        assert "up to 12,000 friends a month" in page

    def test_that_gives_away_more_than_it_brings_is_named_on_the_programs_page(self, root, unit):
        warn = program_warnings.get("referrals")
        scheme = Scheme.objects.create(program=unit.program, giver_points=150, newcomer_points=100, least_minor=250)
        unit.program.worths.get_or_create(currency="EUR", defaults={"points": 100, "minor": 100})
        said = list(warn(program=unit.program, at=TODAY))
        scheme.least_minor = 2000
        scheme.save()

        assert said == ["Bringing a friend gives away €2.50 for a first order that may be as small as €2.50."]
        assert list(warn(program=unit.program, at=TODAY)) == []


class TestTheQueue:
    def test_shows_the_evidence_in_words(self, root, blocked):
        assert "Both e-mail addresses are one mailbox (speaks against it)" in text_of(root.get(QUEUE))
        page = text_of(root.get(page_of(blocked.referral)))
        assert "Both e-mail addresses are one mailbox (speaks against it)" in page
        assert f"First order: {blocked.order.number}" in page

    @pytest.mark.parametrize(
        ("fields", "said"),
        [
            ({"state": "invited"}, "Nothing so far. They look when the first order comes."),
            ({"state": "invited", "decision": "allow"}, "Somebody of the shop decided that the first order brings it."),
            ({"state": "rewarded"}, "They found nothing against it. What was promised is given."),
            ({"state": "rewarded", "decision": "allow"}, "They found nothing against it. What was promised is given."),
            ({"state": "reversed"}, "They found nothing against it. What was given went back with the order."),
            ({"state": "blocked", "decision": "block"}, "Somebody of the shop decided that nobody is rewarded."),
            ({"state": "review"}, "They found nothing. Somebody has to decide."),
        ],
    )
    def test_says_what_happened_where_nothing_was_found(self, root, blocked, fields, said):
        Referral.objects.update(findings=[], **fields)
        page = text_of(root.get(page_of(blocked.referral)))
        assert said in page
        assert ("They look when the first order comes." in page) is (fields == {"state": "invited"})

    def test_lets_staff_allow_with_a_reason_and_the_rewards_follow(self, root, blocked):
        assert points(blocked.twin) == (0, 0)
        with blocked.now():
            root.post(decide_at(blocked.referral), {"decision": "allow", "reason": "Two people of one household"})

        assert state() == ("rewarded", "allow")
        assert (points(blocked.boris), points(blocked.twin)) == ((0, 150), (0, 100))
        referral = Referral.objects.get()
        assert referral.reason == "Two people of one household"
        assert referral.decided_by.startswith("staff:")
        assert_clean()

    def test_takes_a_decision_back_with_what_it_gave(self, root, blocked):
        for decision in ("allow", "", "allow", ""):
            with blocked.now():
                root.post(decide_at(blocked.referral), {"decision": decision, "reason": "Looked at it"})

        assert state() == ("blocked", "")
        assert points(blocked.boris) == points(blocked.twin) == (0, 0)
        assert_clean()

    def test_blocks_what_was_rewarded_and_takes_it_back(self, root, blocked):
        fair = a_user("fair@example.com")
        bring(blocked, fair)
        buy(fair, (a_product(price="30.00"), 1), on=day(5, 2))
        assert points(fair) == (0, 100)
        referral = Referral.objects.get(newcomer__user=fair)
        with blocked.now():
            root.post(decide_at(referral), {"decision": "block", "reason": "One person with two accounts"})
        referral.refresh_from_db()

        assert referral.state == "blocked"
        assert points(blocked.boris) == points(fair) == (0, 0)

    def test_decides_many_in_one_click_from_the_list(self, root, blocked):
        with blocked.now():
            data = {"action": "allow", "_selected_action": [blocked.referral.pk], "reason": "Known to us"}
            text = text_of(root.post(QUEUE, data, follow=True))

        assert "Allowed: 1 friend." in text
        assert state() == ("rewarded", "allow")

    @pytest.mark.parametrize("reason", ["", "   "])
    def test_refuses_a_decision_without_a_reason(self, root, blocked, reason):
        answer = root.post(decide_at(blocked.referral), {"decision": "allow", "reason": reason}, follow=True)

        assert "nothing was decided" in text_of(answer)
        assert (state(), points(blocked.twin)) == (("blocked", ""), (0, 0))

    def test_refuses_the_same_decision_twice_and_an_unknown_one(self, root, blocked):
        with blocked.now():
            root.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"})
        assert "nothing was decided" in text_of(
            root.post(decide_at(blocked.referral), {"decision": "allow", "reason": "y"}, follow=True)
        )
        assert root.post(decide_at(blocked.referral), {"decision": "maybe", "reason": "z"}).status_code == 404
        assert Referral.objects.get().reason == "x"

    def test_keeps_every_decision_with_its_reason_in_the_history(self, root, blocked):
        for decision, reason in (("block", "Fraud, see ticket 7"), ("allow", "A mistake"), ("", "")):
            root.post(decide_at(blocked.referral), {"decision": decision, "reason": reason})
        root.post(decide_at(blocked.referral), {"decision": "", "reason": ""})

        assert history() == ["Blocked: Fraud, see ticket 7", "Allowed: A mistake", "Decision taken back"]

    def test_loses_the_words_of_its_history_when_a_side_leaves(self, root, blocked):
        root.post(decide_at(blocked.referral), {"decision": "block", "reason": "Fraud, see ticket 7"})
        blocked.twin.delete()

        assert history() == ["Blocked"]

    def test_lets_the_second_of_two_know_that_somebody_else_decided_meanwhile(self, root, blocked):
        form = root.get(page_of(blocked.referral)).content.decode()
        assert '<input type="hidden" name="seen" value="">' in form
        root.post(decide_at(blocked.referral), {"decision": "block", "reason": "Fraud", "seen": ""})
        told = {"decision": "allow", "reason": "A household", "seen": ""}
        answer = root.post(decide_at(blocked.referral), told, follow=True)

        assert "somebody else decided meanwhile" in text_of(answer)
        assert (state(), Referral.objects.get().reason) == (("blocked", "block"), "Fraud")
        root.post(decide_at(blocked.referral), {**told, "seen": "block"})
        assert Referral.objects.get().decision == "allow"

    def test_stays_decided_whatever_the_checks_find_later(self, root, blocked):
        with blocked.now():
            root.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"})
        sync_orders(order_ids=[blocked.order.pk], at=TODAY)

        assert state() == ("rewarded", "allow")


class TestWhoMayDecide:
    @pytest.fixture
    def staff(self, client, blocked):
        """Somebody of staff with these permissions."""

        def made(*codenames):
            user = a_user("staff@example.com")
            user.is_staff = True
            user.save()
            user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
            client.force_login(user)
            return client

        return made

    def test_is_nobody_without_the_permission(self, staff, blocked):
        client = staff()
        assert client.get(QUEUE).status_code == 403
        assert client.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"}).status_code in (403, 404)
        assert state() == ("blocked", "")

    def test_is_not_who_may_only_look(self, staff, blocked):
        client = staff("view_referral")
        assert "Allow</button>" not in client.get(page_of(blocked.referral)).content.decode()
        assert client.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"}).status_code == 403
        client.post(QUEUE, {"action": "allow", "_selected_action": [blocked.referral.pk], "reason": "x"})
        assert (state(), points(blocked.twin)) == (("blocked", ""), (0, 0))

    @pytest.mark.parametrize("side", ["giver", "newcomer"])
    def test_is_neither_side_of_it(self, client, blocked, side):
        user = getattr(blocked.referral, side).user
        user.is_staff = True
        user.save()
        user.user_permissions.set(Permission.objects.filter(codename="change_referral"))
        client.force_login(user)
        page = client.get(page_of(blocked.referral)).content.decode()
        assert "Allow</button>" not in page
        assert "somebody else decides" in page
        answer = client.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"}, follow=True)
        assert "nobody decides on a referral of their own" in text_of(answer)
        client.post(QUEUE, {"action": "allow", "_selected_action": [blocked.referral.pk], "reason": "x"})

        assert (state(), points(blocked.twin)) == (("blocked", ""), (0, 0))
        assert history() == []

    def test_is_no_other_login_of_who_brought_somebody(self, staff, blocked):
        client, giver = staff("change_referral"), blocked.referral.giver
        user = get_user_model().objects.get(email="staff@example.com")
        merge(member=MemberFactory(program=giver.program, user=user), into=giver, actor="staff:1", at=TODAY)
        answer = client.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"}, follow=True)
        assert "nobody decides on a referral of their own" in text_of(answer)
        assert state() == ("blocked", "")

    def test_is_who_may_change_referrals(self, staff, blocked):
        client = staff("change_referral")
        assert ">Allow</button>" in client.get(page_of(blocked.referral)).content.decode()
        with blocked.now():
            client.post(decide_at(blocked.referral), {"decision": "allow", "reason": "x"})
        assert state() == ("rewarded", "allow")
