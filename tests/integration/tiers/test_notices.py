"""The end of a level: announced 60 and 15 days before, put off where nobody could be told, walked each night."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import OperationalError
from django.test import override_settings
from oscar.core.loading import get_model

from loyalty_oscar.program.models import Event, JobRun, Member, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.notices import deliver, report_bounce, seen
from loyalty_oscar.shop.tiers import jobs as nightly
from loyalty_oscar.shop.tiers.storefront import rules
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers import operations
from loyalty_oscar.tiers.models import Score, Standing, Tier
from loyalty_oscar.tiers.operations import give_tier, take_given
from loyalty_oscar.tiers.queries import ladder_of, rules_of
from tests.storefront import a_product, a_user, buy, day, send_back

from .ladders import a_ladder

pytestmark = pytest.mark.django_db

#: The end of 2027 in Berlin.
ENDS = datetime(2027, 12, 31, 23, tzinfo=UTC)


def before(days):
    return ENDS - timedelta(days=days)


def a_night(at, *, server_works=True):
    """What the job does in a night, and the subjects of the mails that left about it."""
    mail.outbox = []
    backend = "locmem" if server_works else "dummy"
    with clock.at(at), override_settings(EMAIL_BACKEND=f"django.core.mail.backends.{backend}.EmailBackend"):
        list(nightly.run(at))
        if server_works:
            list(deliver(at=at))
    mail.outbox = [letter for letter in mail.outbox if "for order" not in letter.subject]
    return [letter.subject.replace("\xa0", " ") for letter in mail.outbox]


def now():
    return Standing.objects.select_related("tier").get(is_current=True)


@pytest.fixture
def silver():
    """Boris is Silver to the end of 2027, and all that was told so far has left."""
    a_ladder()
    user = a_user()
    buy(user, (a_product("Bed", "200.00"), 1), on=day(3, 1))
    list(deliver(at=day(3, 2)))
    mail.outbox = []
    return user


class TestALevelReached:
    def test_is_told_with_what_it_brings_and_until_when(self):
        a_ladder(gifts=(0, 50, 0))
        user = a_user()
        buy(user, (a_product("Bed", "200.00"), 1), on=day(3, 1))
        list(deliver(at=day(3, 2)))
        letter = next(letter for letter in mail.outbox if "elcome to" in letter.subject)
        assert letter.subject == "Welcome to Silver"
        body = letter.body.replace("\xa0", " ")
        assert "It is yours until the end of 31 December 2027." in body
        assert "Your gift for reaching it: 50 paws, ready once the return period is over." in body
        assert "What it brings you\n- Paws: 10 % more\n" in body
        assert "You get this because you are a member of the" in body
        assert "<li>Paws: 10\xa0% more</li>" in letter.alternatives[0][0]

    def test_is_not_told_once_a_return_has_taken_it(self):
        a_ladder(bronze=20_000, silver=30_000)
        user = a_user()
        order = buy(user, (a_product("Bed", "200.00"), 1), on=day(3, 1))
        send_back(order, 1, on=day(3, 2))
        list(deliver(at=day(3, 3)))
        assert not any("elcome to" in letter.subject for letter in mail.outbox)

    def test_by_hand_says_so(self, silver):
        ladder = ladder_of(program_id=Program.objects.get().pk)
        member, gold = Member.objects.get(), Tier.objects.get(code="gold")
        give_tier(
            ladder=ladder, member_id=member.pk, tier=gold, until=ENDS, reason="Ten years", actor="system", at=day(5, 1)
        )
        list(deliver(at=day(5, 1)))
        assert "This level in the Paw Club is a gift from us." in mail.outbox[0].body
        assert "Ten years" not in mail.outbox[0].body


class TestTheEndOfALevel:
    @pytest.mark.parametrize(("days", "subjects"), [(61, 0), (60, 1), (59, 1), (16, 1), (15, 1), (1, 1)])
    def test_is_announced_from_60_days_before(self, silver, days, subjects):
        assert len(a_night(before(days))) == subjects

    @override_settings(LOYALTY_LEVEL_NOTICE_DAYS=(90, 5))
    def test_is_announced_on_the_days_that_the_shop_sets(self, silver):
        assert [days for days in (91, 90, 60, 15, 6, 5, 1) if a_night(before(days))] == [90, 5]

    @pytest.mark.parametrize(
        ("days", "said"), [((60, 15), "60 and 15 days"), ((1,), "1 day"), ([7, 90], "90 and 7 days")]
    )
    def test_is_announced_as_the_page_says(self, silver, days, said):
        with override_settings(LOYALTY_LEVEL_NOTICE_DAYS=days):
            found = rules(ladder=ladder_of(program_id=Program.objects.get().pk))
        assert f"We tell you {said} before a level ends, and you come down one level at a time." in found

    @override_settings(LOYALTY_LEVEL_NOTICE_DAYS=(90,))
    def test_may_be_announced_so_early_that_a_return_leaves_it(self, silver):
        assert rules_of(ladder=ladder_of(program_id=Program.objects.get().pk)).told_days == 90

    def test_is_announced_twice_and_says_what_keeps_it(self, silver):
        assert a_night(before(60)) == ["Keep Silver: €150.00 more by 31 December 2027"]
        body = mail.outbox[0].body
        assert "€150.00 more by 31 December 2027 keeps it." in body
        assert "If not, it stays yours until 30 January 2028, and then you come down one level." in body
        assert a_night(before(40)) == []
        buy(silver, (a_product("Box", "110.00"), 1), on=before(30))
        assert a_night(before(15)) == ["Keep Silver: €40.00 more by 31 December 2027"]
        assert "€40.00 more by 31 December 2027 keeps it." in mail.outbox[0].body
        assert a_night(before(14)) == []

    def test_stands_in_oscars_inbox_too(self, silver):
        a_night(before(60))
        rows = get_model("communication", "Notification").objects.filter(recipient=silver).order_by("pk")
        assert [row.subject for row in rows] == [
            "Welcome to Silver",
            "Keep Silver: €150.00 more by 31 December 2027",
        ]

    def test_is_not_announced_to_somebody_who_has_kept_it(self, silver):
        buy(silver, (a_product("Box", "150.00"), 1), on=day(6, 1, 2027))
        assert a_night(before(60)) == []
        assert now().kept_until == datetime(2028, 12, 31, 23, tzinfo=UTC)

    def test_comes_after_the_grace_one_level_at_a_time_and_is_told(self, silver):
        a_night(before(60))
        assert a_night(before(-29)) == []
        assert now().tier.name == "Silver"
        assert a_night(before(-30)) == ["Your level is Bronze now"]
        assert "Silver has ended, as announced." in mail.outbox[0].body
        assert (now().tier.name, now().because["c"]) == ("Bronze", "tier_down")


class TestAnEndThatNobodyWasToldOf:
    def test_is_put_off_and_then_announced(self, silver):
        for days in (60, 15):
            a_night(before(days), server_works=False)
        assert a_night(before(-30)) == ["Keep Silver: €150.00 more by 29 February 2028"]
        assert (now().tier.name, now().extensions) == ("Silver", 1)
        assert a_night(datetime(2028, 3, 31, 12, tzinfo=UTC)) == ["Your level is Bronze now"]

    def test_is_put_off_at_most_as_often_as_the_program_says(self, silver):
        Program.objects.update(max_extensions=2)
        forget_cache()
        at, levels = before(-30), []
        for _month in range(4):
            a_night(at, server_works=False)
            levels.append((now().tier.name, now().extensions))
            at += timedelta(days=90)
        assert levels == [("Silver", 1), ("Silver", 2), ("Bronze", 0), ("Bronze", 0)]

    def test_counts_as_told_once_the_member_has_seen_the_account_page(self, silver):
        a_night(before(15), server_works=False)
        seen(member=Member.objects.get(), at=before(10))
        a_night(before(-30))
        assert now().tier.name == "Bronze"

    def test_does_not_count_as_told_when_the_mail_came_back(self, silver):
        a_night(before(15))
        assert report_bounce(email="boris@example.com", at=before(14)) == 1
        a_night(before(-30))
        assert (now().tier.name, now().extensions) == ("Silver", 1)

    def test_is_not_put_off_for_somebody_who_has_kept_the_level(self, silver):
        buy(silver, (a_product("Box", "150.00"), 1), on=day(6, 1, 2027))
        a_night(before(-30), server_works=False)
        assert now().extensions == 0


class TestTheNightlyWalk:
    @pytest.fixture
    def five(self, silver, monkeypatch):
        monkeypatch.setattr(operations, "CHUNK", 2)
        program = Program.objects.get()
        for number in range(4):
            user = a_user(f"{number}@example.com")
            Member.objects.create(program=program, user=user, joined_at=day(1, 1))
        return list(Member.objects.order_by("pk").values_list("pk", flat=True))

    def test_goes_on_where_it_was_cut_short(self, five):
        ladder = ladder_of(program_id=Program.objects.get().pk)
        walk = nightly.settled(ladder=ladder, at=before(60))
        next(walk)
        walk.close()
        name = str(ladder.program_id)
        assert JobRun.objects.get().cursor[name][0] == five[1]
        seen_after = []
        for _moved in nightly.settled(ladder=ladder, at=before(60) + timedelta(hours=1)):
            seen_after.append(JobRun.objects.get().cursor[name][0])
        assert seen_after == [five[3], five[4]]
        assert (JobRun.objects.get().name, JobRun.objects.get().cursor) == ("tiers", None)

    def test_goes_on_after_a_fault_and_moves_everybody_once(self, five, monkeypatch):
        Standing.objects.all().delete()
        for number, pk in enumerate(five[1:]):
            Score.objects.create(member_id=pk, order_id=90_000 + number, placed_at=day(3, 1), value=20_000)
        ladder, settle = ladder_of(program_id=Program.objects.get().pk), operations.settle

        def breaks(*, member_ids, **kwargs):
            if five[3] in member_ids:
                raise OperationalError("the server went away")
            return settle(member_ids=member_ids, **kwargs)

        monkeypatch.setattr(operations, "settle", breaks)
        with pytest.raises(OperationalError):
            list(nightly.settled(ladder=ladder, at=day(4, 1)))
        assert list(Standing.objects.values_list("member_id", flat=True)) == five[:3]
        monkeypatch.setattr(operations, "settle", settle)
        assert sum(nightly.settled(ladder=ladder, at=day(4, 1) + timedelta(hours=1))) == 2
        assert sorted(Standing.objects.values_list("member_id", "rank")) == [(pk, 2) for pk in five]

    def test_begins_anew_the_next_night(self, five):
        ladder = ladder_of(program_id=Program.objects.get().pk)
        walk = nightly.settled(ladder=ladder, at=before(60))
        next(walk)
        walk.close()
        assert len(list(nightly.settled(ladder=ladder, at=before(59)))) == 3

    def test_is_one_of_the_jobs_before_the_messages_leave(self):
        names = [job.name for job in jobs.JOBS]
        assert names.index("tiers") < names.index("messages")
        assert next(job for job in jobs.JOBS if job.name == "tiers").nightly

    def test_does_nothing_in_a_pause_or_without_levels(self, silver):
        Program.objects.update(state="paused")
        forget_cache()
        assert list(nightly.run(before(60))) == []
        assert not Event.objects.filter(topic="tier-ending").exists()

    def test_settles_who_got_a_level_that_begins_to_count_by_the_calendar_alone(self, silver):
        Standing.objects.all().delete()
        assert sum(nightly.run(day(5, 1))) == 1
        assert now().tier.name == "Silver"


class TestALevelTakenBack:
    def test_leaves_the_member_where_the_orders_say_and_takes_the_gift_along(self, silver):
        Tier.objects.filter(code="gold").update(points=70)
        forget_cache()
        ladder = ladder_of(program_id=Program.objects.get().pk)
        member, gold = Member.objects.get(), Tier.objects.get(code="gold")
        told = {"ladder": ladder, "member_id": member.pk}
        gift = give_tier(**told, tier=gold, until=None, reason="Oops", actor="staff:1", at=day(5, 1))
        account = member.accounts.get()
        assert (now().tier.name, now().kept_until, account.available) == ("Gold", None, 70)
        take_given(ladder=ladder, gift=gift, at=day(5, 2))
        account.refresh_from_db()
        assert (now().tier.name, now().because["c"], account.available) == ("Silver", "tier_taken", 0)
        assert now().kept_until == ENDS
        assert Event.objects.filter(topic="tier-down").count() == 0
