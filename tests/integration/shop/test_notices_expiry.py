"""Points about to run out: told 30, 7 and 1 days before, and put off where nobody could be told."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test.factories import UserFactory

from loyalty_oscar import extend
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.ledger.models import Account, Entry, Lot
from loyalty_oscar.program.models import Delivery, Event, Notice, Program
from loyalty_oscar.program.operations import change_state
from loyalty_oscar.shop.notices import announce_expiry, deliver, seen
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import AccountFactory, LotFactory
from tests.once import a_program

START = datetime(2026, 1, 10, 12, tzinfo=UTC)
#: The end of May in the program's zone (UTC): 31 May is the last day.
ENDS = datetime(2026, 6, 1, tzinfo=UTC)


def before(days, *, ends=ENDS):
    return ends - timedelta(days=days)


@pytest.fixture
def unit(db):
    with clock.at(START):
        yield a_program(live_from=START - timedelta(days=1))


def a_member(unit, *, points=120, expires_at=ENDS, **user):
    user = UserFactory(**{"first_name": "Boris", **user})
    account = AccountFactory(member__program=unit.program, member__user=user, member__joined_at=START)
    give(account, points=points, expires_at=expires_at)
    return account


def give(account, *, points, expires_at, key="a"):
    LotFactory(account=account, points=points, source=f"gift:{key}", at=START, expires_at=expires_at)


def a_day(at, *, server_works=True):
    """What the job does on a day, and the mails that left."""
    mail.outbox = []
    backend = "locmem" if server_works else "dummy"
    with override_settings(EMAIL_BACKEND=f"django.core.mail.backends.{backend}.EmailBackend"):
        list(announce_expiry(at=at))
        if server_works:
            list(deliver(at=at))
    return [letter.subject.replace("\xa0", " ") for letter in mail.outbox]


def date_of(account):
    return Lot.objects.get(account=account).expires_at


def inbox():
    return get_model("communication", "Notification").objects.order_by("pk")


class TestANoticeOfExpiry:
    def test_comes_30_7_and_1_days_before_each_once(self, unit):
        account = a_member(unit)
        told = {day: a_day(before(day)) for day in range(40, 0, -1)}
        words = ["Boris, 120 paws can be used until 31 May 2026"]
        assert {day: found for day, found in told.items() if found} == {30: words, 7: words, 1: words}
        keys = [f"account:{account.pk}:expires:2026-06-01:{stage}" for stage in (30, 7, 1)]
        assert list(Notice.objects.order_by("pk").values_list("key", flat=True)) == keys
        assert list(Event.objects.order_by("pk").values_list("key", flat=True)) == keys
        assert date_of(account) == ENDS

    @override_settings(LOYALTY_EXPIRY_NOTICE_DAYS=[3, 20])
    def test_comes_on_the_days_that_the_shop_sets(self, unit):
        a_member(unit)
        assert [day for day in range(40, 0, -1) if a_day(before(day))] == [20, 3]

    def test_is_a_notice_in_oscars_inbox_too(self, unit):
        a_member(unit)
        a_day(before(30))
        (row,) = inbox()
        assert row.subject == "120\xa0paws can be used until 31 May 2026"
        assert '<a href="http://example.com/loyalty/go/?to=' in row.body
        assert Notice.objects.get().inbox_id == str(row.pk)

    @pytest.mark.parametrize("is_read", [False, True])
    def test_stands_in_the_inbox_once_whatever_its_stage(self, unit, is_read):
        a_member(unit)
        for day in (30, 7, 1):
            a_day(before(day))
            (row,) = inbox().filter(location="Inbox")
            assert Notice.objects.order_by("-pk")[0].inbox_id == str(row.pk)
            if is_read:
                inbox().filter(date_read=None).update(date_read=before(day))
        assert inbox().filter(location="Archive").count() == (2 if is_read else 0)

    def test_stands_in_the_inbox_beside_that_of_another_date(self, unit):
        account = a_member(unit)
        give(account, points=30, expires_at=ENDS + timedelta(days=60), key="b")
        for at in (before(30), ENDS + timedelta(days=35)):
            a_day(at)
        assert inbox().filter(location="Inbox").count() == 2

    def test_reaches_the_inbox_once_though_the_mail_is_tried_again(self, unit):
        a_member(unit)
        list(announce_expiry(at=before(30)))
        with override_settings(EMAIL_BACKEND="tests.integration.shop.test_notices_mail.BrokenServer"):
            list(deliver(at=before(30)))
            list(deliver(at=before(29)))
        list(deliver(at=before(28)))
        assert len(mail.outbox) == inbox().count() == 1

    def test_cannot_carry_markup_into_the_inbox(self, unit):
        unit.names = {"en": {"one": "<b>paw</b>", "other": "<script>x</script>"}}
        unit.save()
        a_member(unit)
        a_day(before(30))
        assert "<script>" not in inbox().get().subject
        assert "&lt;script&gt;" in inbox().get().subject

    def test_says_what_the_mail_says_in_plain_text_and_html(self, unit):
        a_member(unit)
        a_day(before(30))
        for text in (mail.outbox[0].body, mail.outbox[0].alternatives[0][0]):
            plain = text.replace("\xa0", " ")
            assert "120 paws" in plain
            assert "31 May 2026" in plain
            assert "That takes €1.20 off your next order." in plain
            assert "http://example.com/loyalty/go/?to=%2Floyalty%2F" in plain

    def test_tells_only_the_nearest_stage_after_a_job_was_late(self, unit):
        a_member(unit)
        a_day(before(12))
        assert [row.key.rpartition(":")[2] for row in Notice.objects.all()] == ["30"]

    def test_is_one_for_all_points_of_a_day(self, unit):
        account = a_member(unit)
        give(account, points=30, expires_at=ENDS - timedelta(hours=3), key="b")
        assert a_day(before(29)) == ["Boris, 150 paws can be used until 31 May 2026"]

    def test_follows_the_programs_time_zone(self, unit):
        Program.objects.update(time_zone="America/New_York")
        ends = datetime(2026, 6, 1, 4, tzinfo=UTC)
        a_member(unit, expires_at=ends)
        assert a_day(before(30, ends=ends)) == ["Boris, 120 paws can be used until 31 May 2026"]

    def test_is_silent_when_the_points_were_used_meanwhile(self, unit):
        account = a_member(unit)
        list(announce_expiry(at=before(30)))
        hold = ledger.place_hold(
            account_id=account.pk,
            slot="basket:1",
            points=120,
            expires_at=before(20),
            because=Because("x"),
            at=before(30),
        )
        ledger.capture(hold_id=hold.pk, account_id=account.pk, points=120, because=Because("x"), at=before(30))
        assert list(deliver(at=before(30))) == [0, 0], "neither in the inbox nor by mail"
        assert mail.outbox == []

    def test_is_not_for_paused_programs_nor_people_who_left(self, unit):
        account = a_member(unit)
        a_member(unit).member.user.delete()
        change_state(program=unit.program, to="paused", actor="system", at=before(31))
        assert a_day(before(30)) == []
        assert a_day(before(6)) == []
        assert date_of(account) == ENDS
        assert not Notice.objects.exists()

    def test_costs_the_same_for_one_and_for_fifty(self, unit):
        def queries():
            with CaptureQueriesContext(
                connection,
            ) as caught:
                list(announce_expiry(at=before(30)))
            return len(caught)

        a_member(unit)
        one = queries()
        for _more in range(50):
            a_member(unit)
        assert queries() == one
        assert Notice.objects.count() == 51


class TestADateThatWasAnnounced:
    def test_binds_after_48_quiet_hours(self, unit):
        account = a_member(unit)
        for day in (30, 7, 6, 1):
            a_day(before(day))
        assert date_of(account) == ENDS
        assert Account.objects.get().available == 120
        assert sum(points for _account, points in ledger.expire_due(at=ENDS)) == 120

    @pytest.mark.parametrize("how", ["on our page", "in the inbox"])
    def test_binds_when_it_was_seen_though_no_mail_arrived(self, unit, how):
        account = a_member(unit, email="" if how == "in the inbox" else "boris@example.com")
        a_day(before(30))
        if how == "in the inbox":
            inbox().update(date_read=before(20))
        else:
            assert extend.report_bounce(email="Boris@Example.com", at=before(29)) == 1
            seen(member=account.member, at=before(9))
        a_day(before(7))
        assert date_of(account) == ENDS

    def test_is_marked_as_seen_with_a_write_only_where_there_is_news(self, unit, django_assert_num_queries):
        account = a_member(unit)
        a_day(before(30))
        seen(member=account.member, at=before(9))
        with django_assert_num_queries(1):
            seen(member=account.member, at=before(8))
        assert Notice.objects.get().seen_at == before(9)


class TestADateThatCouldNotBeAnnounced:
    @pytest.mark.parametrize("why", ["no address", "no server", "bounced", "too late", "joined late"])
    def test_moves_to_the_end_of_the_next_month_with_a_reason(self, unit, why):
        account = a_member(unit, email="" if why == "no address" else "boris@example.com")
        if why in ("no address", "bounced"):
            a_day(before(30))
        if why == "no server":
            a_day(before(30), server_works=False)
        if why == "bounced":
            assert extend.report_bounce(email="boris@example.com", at=before(28)) == 1
        if why == "too late":
            a_day(before(8))
        a_day(before(8) if why == "no server" else before(7), server_works=why != "no server")
        if why == "no server":
            a_day(before(7), server_works=False)
        assert date_of(account) == datetime(2026, 7, 1, tzinfo=UTC)
        entry = Entry.objects.get(kind="extend")
        assert entry.key == f"lot:{Lot.objects.get().pk}:extend:1"
        assert (entry.because["c"], entry.net) == ("not_announced", 0)
        assert Account.objects.get().available == 120
        assert not [step.wrong for step in audit() if step.wrong]

    def test_is_announced_again_under_its_new_date(self, unit):
        a_member(unit)
        assert a_day(before(5)) == []
        later = datetime(2026, 7, 1, tzinfo=UTC)
        assert a_day(before(30, ends=later)) == ["Boris, 120 paws can be used until 30 June 2026"]
        a_day(before(7, ends=later))
        assert Lot.objects.get().expires_at == later

    def test_moves_at_most_as_often_as_the_program_says(self, unit):
        account = a_member(unit, email="")
        Program.objects.update(max_extensions=2)
        moment, dates = before(40), []
        while moment < datetime(2026, 12, 1, tzinfo=UTC):
            list(ledger.expire_due(at=moment))
            a_day(moment)
            dates.append(date_of(account))
            moment += timedelta(days=1)
        assert sorted(set(dates)) == [ENDS, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 8, 1, tzinfo=UTC)]
        assert Account.objects.get().available == 0
        assert not [step.wrong for step in audit() if step.wrong]

    def test_moves_for_ever_where_the_program_says_0(self, unit):
        account = a_member(unit, email="")
        Program.objects.update(max_extensions=0)
        for month in range(6, 12):
            a_day(datetime(2026, month, 1, tzinfo=UTC) - timedelta(days=3))
        assert date_of(account) == datetime(2026, 12, 1, tzinfo=UTC)

    def test_does_not_count_moves_for_other_reasons(self, unit):
        account = a_member(unit, email="", expires_at=before(90))
        lot = Lot.objects.get()
        for days in (60, 30, 10, 0):
            because = Because("still_active", order=1)
            ledger.extend(account_id=account.pk, lot_id=lot.pk, expires_at=before(days), because=because, at=START)
        a_day(before(3))
        assert date_of(account) == datetime(2026, 7, 1, tzinfo=UTC)

    def test_never_comes_back_once_it_has_passed(self, unit):
        account = a_member(unit, email="")
        a_day(ENDS)
        assert date_of(account) == ENDS
        assert not Entry.objects.filter(kind="extend").exists()


class TestABounce:
    def test_concerns_the_mails_of_seven_days_to_that_address(self, unit):
        a_member(unit, email="one@example.com")
        a_member(unit, email="two@example.com")
        a_day(before(30))
        assert extend.report_bounce(email="one@example.com", at=before(30) - timedelta(hours=1)) == 0
        assert extend.report_bounce(email="one@example.com", at=before(22)) == 0
        assert extend.report_bounce(email="nobody@example.com", at=before(29)) == 0
        assert extend.report_bounce(email="one@example.com", at=before(29)) == 1
        assert extend.report_bounce(email="one@example.com", at=before(28)) == 0
        bounced = Notice.objects.exclude(bounced_at=None).get()
        assert bounced.member.user.email == "one@example.com"


class TestTheAccountPage:
    def test_counts_as_having_been_told(self, unit, client):
        account = a_member(unit)
        a_day(before(30), server_works=False)
        client.force_login(account.member.user)
        with clock.at(before(10)):
            assert client.get(reverse("loyalty:overview")).status_code == 200
        assert Notice.objects.get().seen_at == before(10)
        a_day(before(7))
        assert date_of(account) == ENDS


def dates(account):
    return list(Lot.objects.filter(account=account).order_by("pk").values_list("expires_at", flat=True))


class TestADigest:
    def test_tells_of_all_dates_within_a_month_and_of_each_at_its_own_stages(self, unit):
        account = a_member(unit, points=200)
        give(account, points=30, expires_at=datetime(2026, 7, 1, tzinfo=UTC), key="b")
        give(account, points=70, expires_at=datetime(2026, 8, 1, tzinfo=UTC), key="c")
        told = {day: a_day(before(day)) for day in range(40, -32, -1)}
        may, june = "Boris, 200 paws can be used until 31 May 2026", "Boris, 30 paws can be used until 30 June 2026"
        found = {day: subjects for day, subjects in told.items() if subjects}
        assert found == {30: [may], 7: [may], 1: [may], -23: [june], -29: [june]}

    def test_lists_what_runs_out_a_little_later(self, unit):
        account = a_member(unit, points=200)
        give(account, points=30, expires_at=datetime(2026, 7, 1, tzinfo=UTC), key="b")
        a_day(before(30))
        for text in (mail.outbox[0].body, mail.outbox[0].alternatives[0][0]):
            assert "A little later" in text
            assert "30 June 2026" in text
            assert "30\xa0paws" in text

    @pytest.mark.parametrize(
        ("first", "second", "joined"),
        [((2, 1), (3, 1), True), ((2, 1), (3, 2), False), ((12, 31), (1, 31), True), ((3, 31), (5, 1), False)],
    )
    def test_ends_a_month_later_to_the_day(self, unit, first, second, joined):
        ends = datetime(2027, *first, tzinfo=UTC)
        later = datetime(2027 + (second < first), *second, tzinfo=UTC)
        account = a_member(unit, points=200, expires_at=ends)
        give(account, points=30, expires_at=later, key="b")
        a_day(before(30, ends=ends))
        assert Notice.objects.count() == 1 + joined
        assert ("A little later" in mail.outbox[0].body) is joined


class TestPennies:
    @pytest.fixture(autouse=True)
    def least(self, settings):
        settings.LOYALTY_EXPIRY_NOTICE_LEAST = 100

    def test_are_told_of_along_with_more(self, unit):
        account = a_member(unit, points=20)
        give(account, points=300, expires_at=datetime(2026, 6, 20, tzinfo=UTC), key="b")
        assert a_day(before(30)) == ["Boris, 20 paws can be used until 31 May 2026"]
        a_day(before(7))
        assert dates(account)[0] == ENDS

    def test_wait_once_and_are_told_of_once_before_they_run_out(self, unit):
        account = a_member(unit, points=20)
        told = {day: a_day(before(day)) for day in range(40, -31, -1)}
        said = ["Boris, 20 paws can be used until 30 June 2026"]
        assert [subjects for subjects in told.values() if subjects] == [said]
        assert dates(account) == [datetime(2026, 7, 1, tzinfo=UTC)]
        assert sum(points for _account, points in ledger.expire_due(at=datetime(2026, 7, 1, tzinfo=UTC))) == 20

    def test_join_what_runs_out_a_month_later(self, unit):
        account = a_member(unit, points=20)
        give(account, points=90, expires_at=datetime(2026, 7, 1, tzinfo=UTC), key="b")
        assert a_day(before(30)) == ["Boris, 20 paws can be used until 31 May 2026"]


class TestAMailThatNobodyWaitsFor:
    @pytest.fixture(autouse=True)
    def hours(self, settings):
        settings.LOYALTY_DAYTIME = (8, 20)

    @pytest.mark.parametrize(
        ("zone", "hour", "leaves"),
        [
            ("UTC", 7, None), ("UTC", 8, 8), ("UTC", 19, 19), ("UTC", 20, None),
            ("America/New_York", 11, None), ("America/New_York", 12, 12), ("America/New_York", 23, 23),
        ],
    )  # fmt: skip
    def test_leaves_by_day_in_the_programs_zone(self, unit, zone, hour, leaves):
        Program.objects.update(time_zone=zone)
        a_member(unit)
        at = before(29) + timedelta(hours=hour)
        assert len(a_day(at)) == (leaves is not None)

    def test_leaves_in_the_morning_and_its_waiting_is_no_try(self, unit):
        a_member(unit)
        night = before(29) + timedelta(hours=22)
        assert a_day(night) == []
        rows = Delivery.objects.filter(is_open=True)
        assert set(rows.values_list("attempts", "next_at")) == {(0, before(28) + timedelta(hours=8))}
        assert len(a_day(before(28) + timedelta(hours=8))) == 1
        assert Delivery.objects.get(consumer="mail").attempts == 1
