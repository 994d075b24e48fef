"""What members are told of their rewards, and the end of those that nobody uses: told 10 days before, or put off."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.core.checks import run_checks
from django.test import override_settings
from oscar.core.loading import get_model

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.program.models import Event, Notice
from loyalty_oscar.program.operations import change_state, give
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations import buy, expire, fulfil, give_back, not_fulfilled, show_code
from loyalty_oscar.shop.notices import deliver, report_bounce, seen
from loyalty_oscar.shop.redemption.rewards import jobs
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.upkeep.jobs import NotAllDone
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import GoalFactory, MemberFactory, RewardFactory
from tests.storefront import TODAY, a_product, a_user
from tests.storefront import buy as buy_goods

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
#: TODAY is noon in Berlin; what is had then for 30 days ends at the same hour.
#: The end of 5 June in Berlin.
ENDS = datetime(2026, 6, 5, 22, tzinfo=UTC)


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def member(unit):
    """Boris, with 512 paws."""
    told = {"points": 512, "points__at": TODAY, "points__expires_at": None}
    return MemberFactory(program=unit.program, user=a_user(), **told)


def have(member, *, key="1", **about):
    """A reward that a member can use for 30 days."""
    told = {"name": "A day at the spa", "price": 5, "valid_days": 30, "codes": [f"SPA-{key}"], **about}
    return buy(reward=RewardFactory(**told), member=member, key=key, at=TODAY)


def filled(member, times):
    """One order fills a stamp card for three pieces so often, each time for a coffee that can be used for 30 days."""
    reward = RewardFactory(program=member.program, name="Coffee", price=None, valid_days=30)
    GoalFactory(program=member.program, name="Stamp card", target=3, reward=reward)
    forget_cache()
    buy_goods(member.user, (a_product(price="1.00"), 3 * times), on=TODAY)
    return Claim.objects.filter(member=member).order_by("pk")


class TestACardThatOneOrderFillsSeveralTimes:
    @pytest.mark.parametrize(
        ("times", "says"), [(1, "“Coffee” is yours"), (2, "“2 × Coffee” is yours"), (3, "“3 × Coffee” is yours")]
    )
    def test_sends_one_mail_that_says_how_often(self, member, times, says):
        filled(member, times)
        assert [subject for subject in leave(TODAY + DAY) if "Coffee" in subject] == [says]

    def test_tells_of_another_order_by_itself(self, member):
        filled(member, 2)
        buy_goods(member.user, (a_product(price="1.00"), 3), on=TODAY + timedelta(minutes=5))
        told = [subject for subject in leave(TODAY + DAY) if "Coffee" in subject]
        assert sorted(told) == ["“2 × Coffee” is yours", "“Coffee” is yours"]

    def test_tells_once_that_all_end_and_lets_none_end_untold(self, member):
        claims = filled(member, 3)
        leave(TODAY + DAY)
        mails = nights(15, 29)
        assert len([subject for told in mails.values() for subject in told]) == 1
        assert "3 × Coffee" in next(iter(mails.values()))[0]
        a_night(ENDS + DAY)
        assert {claim.state for claim in claims.all()} == {Claim.State.OVER}

    def test_tells_of_those_that_are_left_where_the_first_was_used(self, member):
        claims = filled(member, 2)
        leave(TODAY + DAY)
        with clock.at(TODAY + 21 * DAY):
            list(jobs.run(TODAY + 21 * DAY))
        Claim.objects.filter(pk=claims[0].pk).update(state=Claim.State.USED)
        (subject,) = leave(TODAY + 21 * DAY)
        assert "Coffee" in subject and "×" not in subject


def leave(at):
    """What leaves at a moment: subjects, with plain spaces."""
    mail.outbox = []
    list(deliver(at=at))
    return [letter.subject.replace("\xa0", " ") for letter in mail.outbox]


def a_night(at, *, server_works=True):
    """What the job does in a night, and the subjects of the mails that left the next morning."""
    with clock.at(at):
        list(jobs.run(at))
    return leave(at + timedelta(hours=8)) if server_works else []


def nights(first, last):
    """Every night from so many days after TODAY, at 1 o'clock; returns by day what was mailed."""
    told = {number: a_night(TODAY + number * DAY - timedelta(hours=9)) for number in range(first, last + 1)}
    return {number: subjects for number, subjects in told.items() if subjects}


def state_of(claim):
    claim.refresh_from_db()
    return claim.state, claim.valid_until


def both(letter):
    """The text and the HTML of a letter, with plain spaces."""
    return [text.replace("\xa0", " ") for text in (letter.body, letter.alternatives[0][0])]


class TestTheMailAboutARewardThatWasTaken:
    def test_leaves_at_once_and_says_what_was_paid_and_until_when_it_is_good(self, member):
        have(member)
        night = TODAY + timedelta(hours=11)
        assert leave(night) == ["“A day at the spa” is yours"]
        for text in both(mail.outbox[0]):
            assert "You took it for 5 paws." in text
            assert "You can use it until 5 June 2026." in text
            assert "507 paws" in text
            assert "/loyalty/go/?to=%2Floyalty%2Frewards%2F" in text
        rows = get_model("communication", "Notification").objects.filter(recipient=member.user)
        assert [row.subject for row in rows] == ["“A day at the spa” is yours"]

    @pytest.mark.parametrize(
        ("about", "says"),
        [
            ({"codes": None}, "We take care of it and write to you."),
            ({"valid_days": None}, "You can use it whenever you like."),
        ],
    )
    def test_says_what_comes_next(self, member, about, says):
        have(member, **about)
        leave(TODAY)
        assert all(says in text for text in both(mail.outbox[0]))

    def test_is_a_receipt_where_it_was_used_before_it_left(self, member):
        show_code(claim=have(member), at=TODAY)
        leave(TODAY)
        assert all("You took it for 5 paws." in text and "You can use" not in text for text in both(mail.outbox[0]))

    def test_is_not_sent_where_it_went_back_or_ran_out_meanwhile(self, member):
        give_back(claim=have(member), note="by mistake", actor="staff:1", at=TODAY)
        expire(claim=have(member, key="2"), at=ENDS)
        assert "is yours" not in " ".join(leave(ENDS))


class TestTheMailAboutWhatStaffDid:
    @pytest.fixture
    def claim(self, member):
        found = have(member, codes=None, name="A grooming")
        leave(TODAY)
        return found

    @override_settings(LOYALTY_DAYTIME=(8, 20))
    def test_says_that_it_is_done_by_day(self, claim):
        night = TODAY + timedelta(hours=11)
        fulfil(claim=claim, actor="staff:1", at=night)
        assert leave(night) == []
        assert leave(night + timedelta(hours=11)) == ["We took care of “A grooming”"]
        assert all("What you asked us for is done." in text for text in both(mail.outbox[0]))

    def test_is_not_sent_where_they_said_so_by_mistake(self, claim):
        fulfil(claim=claim, actor="staff:1", at=TODAY)
        not_fulfilled(claim=claim, actor="staff:1", at=TODAY)
        assert leave(TODAY) == []

    def test_says_what_came_back_and_not_why(self, claim):
        give_back(claim=claim, note="The day does not suit her", actor="staff:1", at=TODAY)
        assert leave(TODAY) == ["We took “A grooming” back"]
        for text in both(mail.outbox[0]):
            assert "5 paws came back to you." in text
            assert "does not suit" not in text

    def test_names_no_points_where_none_were_paid(self, member):
        promise = Promise(reward_id=RewardFactory(name="A gift").pk)
        give(member_id=member.pk, promise=promise, key="gift", because=Because("x"), at=TODAY)
        leave(TODAY)
        give_back(claim=Claim.objects.get(), note="why", actor="staff:1", at=TODAY)
        assert leave(TODAY) == ["We took “A gift” back"]
        assert all("came back to you" not in text for text in both(mail.outbox[0]))

    def test_is_told_each_time_that_a_gift_is_taken_back(self, member):
        promise, seen = Promise(reward_id=RewardFactory(name="A gift").pk), []
        for _time in range(2):
            give(member_id=member.pk, promise=promise, key="gift", because=Because("x"), at=TODAY)
            leave(TODAY)
            give_back(claim=Claim.objects.get(), note="why", actor="staff:1", at=TODAY)
            seen += leave(TODAY)
        assert seen == ["We took “A gift” back"] * 2


class TestTheEndOfAReward:
    def test_is_told_10_days_before_once_and_then_it_runs_out(self, member):
        claim = have(member)
        leave(TODAY)
        assert nights(1, 30) == {21: ["“A day at the spa” can be used until 5 June 2026"]}
        assert state_of(claim) == ("open", ENDS)
        assert nights(31, 31) == {}
        assert state_of(claim) == ("over", ENDS)
        notice = Notice.objects.exclude(about="").get()
        assert (notice.about, notice.stage) == (f"claim:{claim.pk}:ends:2026-06-05", 10)
        assert Account.objects.get().available == 507

    def test_says_so_in_the_mail(self, member):
        have(member)
        nights(1, 21)
        assert all("You can use it until 5 June 2026. After that it is gone." in text for text in both(mail.outbox[0]))

    @pytest.mark.parametrize("how", ["no server", "bounced", "job late"])
    def test_moves_where_nobody_was_told_and_is_told_anew(self, member, how):
        claim = have(member)
        leave(TODAY)
        if how == "no server":
            a_night(TODAY + 21 * DAY, server_works=False)
        if how == "bounced":
            a_night(TODAY + 21 * DAY)
            assert report_bounce(email=member.user.email, at=TODAY + 22 * DAY) == 1
        before = set(Event.objects.values_list("key", flat=True))
        with clock.at(TODAY + 24 * DAY):
            list(jobs.run(TODAY + 24 * DAY))
        assert state_of(claim)[0] == "open"
        # The end of 9 June in Berlin.
        assert claim.valid_until.isoformat() == "2026-06-09T22:00:00+00:00"
        nights(25, 26)
        news = set(Event.objects.values_list("key", flat=True)) - before
        assert news == {f"claim:{claim.pk}:ends:2026-06-09"}
        nights(27, 36)
        assert state_of(claim)[0] == "over"

    def test_binds_where_it_was_seen_though_no_mail_arrived(self, member):
        claim = have(member)
        a_night(TODAY + 21 * DAY, server_works=False)
        seen(member=member, at=TODAY + 22 * DAY)
        nights(24, 31)
        assert state_of(claim) == ("over", ENDS)

    def test_of_a_short_time_moves_because_7_days_come_first(self, member):
        claim = have(member, valid_days=3)
        nights(1, 11)
        assert state_of(claim)[0] == "open"
        nights(12, 13)
        assert state_of(claim)[0] == "over"

    def test_is_not_told_of_what_was_used_put_off_or_given_back(self, member):
        used, back, moved = (have(member, key=str(number)) for number in range(3))
        leave(TODAY)
        list(jobs.run(ENDS - 9 * DAY))
        show_code(claim=used, at=TODAY)
        give_back(claim=back, note="why", actor="staff:1", at=TODAY)
        Claim.objects.filter(pk=moved.pk).update(valid_until=ENDS + DAY)
        assert "can be used until" not in " ".join(leave(ENDS - 9 * DAY))

    def test_does_not_come_to_who_has_left_but_by_its_date(self, member):
        claim = have(member)
        erase(member=member, at=TODAY)
        list(jobs.run(ENDS - DAY))
        assert state_of(claim) == ("open", ENDS)
        list(jobs.run(ENDS))
        assert state_of(claim) == ("over", ENDS)
        assert not Notice.objects.exists()

    def test_waits_for_no_other_that_fails(self, member, monkeypatch, caplog):
        claims = [have(member, key=str(number)) for number in range(3)]
        nights(20, 29)
        real = jobs.expire

        def fails_once(*, claim, at):
            if claim.pk == claims[1].pk:
                raise ValueError("a broken row")
            return real(claim=claim, at=at)

        monkeypatch.setattr(jobs, "expire", fails_once)
        with pytest.raises(NotAllDone, match="could not be looked at: 1"):
            list(jobs.run(ENDS))
        assert [state_of(claim)[0] for claim in claims] == ["over", "open", "over"]
        assert f"the reward {claims[1].pk} of a member could not be looked at" in caplog.text

    def test_costs_the_same_for_one_and_for_many(self, member, django_assert_max_num_queries, monkeypatch):
        monkeypatch.setattr(jobs, "BATCH", 50)
        for number in range(60):
            have(member, key=str(number))
        with django_assert_max_num_queries(20):
            assert sum(jobs.run(ENDS - 9 * DAY)) == 60
        with django_assert_max_num_queries(12):
            assert sum(jobs.run(ENDS - 9 * DAY)) == 0

    def test_is_bound_so_it_cannot_be_switched_off(self):
        with override_settings(LOYALTY_UNTOLD_TOPICS=["reward-ending"]):
            assert "loyalty_program.E007" in {found.id for found in run_checks(tags=["loyalty"])}


class TestAPause:
    def test_lets_nothing_run_out_and_moves_every_date_by_its_length(self, unit, member):
        claim, used = have(member), have(member, key="2")
        nights(20, 27)
        show_code(claim=used, at=TODAY)
        change_state(program=unit.program, to="paused", actor="system", at=ENDS - DAY)
        assert nights(30, 40) == {}
        assert state_of(claim) == ("open", ENDS)
        change_state(program=unit.program, to="live", actor="system", at=ENDS + 10 * DAY)
        assert state_of(claim) == ("open", ENDS + 11 * DAY)
        assert state_of(used)[1] == ENDS


class TestAGift:
    def give(self, member, at=TODAY, **waiting):
        reward = RewardFactory(name="A day at the spa", valid_days=30, codes=["SPA-1"])
        promise, why = Promise(reward_id=reward.pk), Because("birthday_gift")
        give(member_id=member.pk, promise=promise, key="campaign:1", because=why, at=at, **waiting)

    def test_is_told_by_day_with_its_why(self, member, settings):
        settings.LOYALTY_DAYTIME = (8, 20)
        open_account(member=member, unit=member.program.unit)
        night = TODAY - timedelta(hours=8)
        with clock.at(night):
            self.give(member, at=night)

        assert leave(night) == []
        assert leave(TODAY) == ["“A day at the spa” is yours"]
        for text in both(mail.outbox[0]):
            assert "A gift for your birthday." in text
            assert "You took it" not in text

    def test_that_waits_is_opened_and_told_in_the_night_that_it_is_ready(self, member):
        self.give(member, waits=True, ready_at=TODAY + 5 * DAY)
        assert nights(1, 5) == {}
        assert nights(6, 6) == {6: ["“A day at the spa” is yours"]}
        assert state_of(Claim.objects.get()) == ("open", ENDS + 5 * DAY)
