"""Days that grow by entries, and are what the accounts say."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db.models import Sum

from loyalty_oscar.insights import operations, queries
from loyalty_oscar.insights.models import Book, Day, Given
from loyalty_oscar.insights.packing import pack, unpack
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.flows import Flow
from loyalty_oscar.ledger.models import Account
from loyalty_oscar.program.models import Program
from loyalty_oscar.shop.upkeep.doctor import examine
from tests.integration.ledger.books import NOW, WHY, a_unit, an_account, capture, claw, give, hold, later, restore

pytestmark = pytest.mark.django_db


def counted(at=None) -> int:
    """Count, and return how many entries were."""
    return sum(operations.count(at=at or later(hours=2)))


def stock(unit, day=None) -> tuple[int, int, int, int]:
    """What the figures say was owed at the end of a day: (ready, on the way, set aside, to make up)."""
    found = queries.stock_on(unit=unit, day=day or date(2100, 1, 1))
    return found.available, found.pending, found.reserved, found.debt


def of_accounts(unit) -> tuple[int, int, int, int]:
    """The same, as the accounts say."""
    buckets = ("available", "pending", "reserved", "debt")
    found = Account.objects.filter(unit=unit).aggregate(**{name: Sum(name, default=0) for name in buckets})
    return tuple(found[name] for name in buckets)


def flows(unit, first=date(2000, 1, 1), last=date(2030, 1, 1)) -> dict[str, int]:
    """What points did in all these days, by flow; nothing that is nothing."""
    sums: dict[str, int] = {}
    for month in queries.months(unit=unit, first=first, last=last):
        for flow, points in month.flows.items():
            sums[flow.value] = sums.get(flow.value, 0) + points
    return {flow: points for flow, points in sums.items() if points}


@pytest.fixture
def unit():
    return a_unit()


class TestADay:
    def test_holds_every_flow_to_the_point(self, unit):
        boris, priya = an_account(unit), an_account(unit)
        give(boris, 100, source="order:1")
        give(priya, 50, ready=None)
        give(priya, 30, kind="import", counter="adjustment", key="import:old:1")
        held = hold(boris, 80)
        capture(held, 70)
        restore(held, 20, key="order:1:back")
        claw(boris, 90, source="order:1", key="order:1:sync:1")
        ledger.adjust(account_id=priya.pk, points=-5, key="manual:a", because=WHY, actor="staff:1", note="x", at=NOW)
        counted()
        # Boris had 100 - 70 + 20 = 50 left, so 40 are to be made up.
        assert flows(unit) == {"given": 150, "imported": 30, "used": -50, "back": -90, "by_hand": -5}
        assert stock(unit) == of_accounts(unit) == (25, 50, 0, 40)

    def test_counts_what_an_order_gives_again_as_less_taken_back(self, unit):
        boris = an_account(unit)
        give(boris, 100, source="order:1", key="order:1:earn")
        claw(boris, 40, source="order:1", key="order:1:sync:1")
        ledger.give_back(account_id=boris.pk, source="order:1", points=40, key="order:1:sync:2", because=WHY, at=NOW)
        counted()
        assert flows(unit) == {"given": 100}
        assert stock(unit) == of_accounts(unit)

    def test_holds_what_ran_out_on_the_day_on_which_it_was_written_down(self, unit):
        boris = an_account(unit)
        give(boris, 100, until=later(days=30))
        [(_account, gone)] = [pair for pair in ledger.expire_due(at=later(days=31)) if pair[1]]
        counted(later(days=32))
        assert flows(unit, last=NOW.date()) == {"given": 100}
        assert flows(unit, first=later(days=31).date()) == {"out": -gone}

    def test_undone_by_hand_is_as_if_it_had_not_been(self, unit):
        boris = an_account(unit)
        posted = ledger.adjust(
            account_id=boris.pk, points=70, key="manual:a", because=WHY, actor="staff:1", note="x", at=NOW
        )  # fmt: skip
        ledger.reverse(entry=posted.entry, key="manual:a:undo", because=WHY, at=NOW, actor="staff:2")
        counted()
        assert flows(unit) == {}
        [row] = Given.objects.all()
        assert (row.giver, row.item, row.plus, row.minus) == ("staff", "by-hand:staff:1", 70, 70)

    def test_never_mixes_two_programs(self, unit):
        other = a_unit(code="other")
        give(an_account(unit), 100)
        give(an_account(other), 7)
        counted()
        assert (flows(unit), flows(other)) == ({"given": 100}, {"given": 7})
        assert (stock(unit)[0], stock(other)[0]) == (100, 7)
        assert [due.ready for due in queries.due(unit=other)] == [7]


class TestTheHour:
    def test_is_waited_for(self, unit):
        give(an_account(unit), 100)
        assert counted(later(minutes=59)) == 0
        assert not Day.objects.exists()
        assert counted(later(minutes=61)) == 1

    def test_keeps_what_is_old_behind_what_is_young_and_came_before(self, unit):
        """A transaction that lasts long commits after those whose entries have higher numbers."""
        boris = an_account(unit)
        give(boris, 1, at=later(minutes=30))
        give(boris, 2, at=later(minutes=-30))
        assert counted(later(minutes=60)) == 0
        assert counted(later(minutes=100)) == 2

    def test_is_counted_once_however_often(self, unit):
        boris = an_account(unit)
        give(boris, 100)
        assert [counted(), counted()] == [1, 0]
        give(boris, 10, at=later(hours=1))
        assert counted(later(hours=3)) == 1
        assert stock(unit) == of_accounts(unit) == (110, 0, 0, 0)

    def test_takes_many_in_steps(self, unit, monkeypatch):
        monkeypatch.setattr(operations, "TOGETHER", 3)
        boris, other = an_account(unit), an_account(a_unit(code="other"))
        for points in range(1, 6):
            give(boris, points)
            give(other, points)
        # Ten entries, three at a time, for each of the two programs.
        steps = list(operations.count(at=later(hours=2)))
        assert (len(steps), sum(steps), max(steps)) == (10, 10, 2)
        assert stock(unit) == of_accounts(unit)
        assert Given.objects.filter(unit=unit).get().n == 5


class TestTheZone:
    @pytest.mark.parametrize(
        ("zone", "at", "day"),
        [
            ("Europe/Berlin", datetime(2026, 1, 31, 22, 59, 59, tzinfo=UTC), date(2026, 1, 31)),
            ("Europe/Berlin", datetime(2026, 1, 31, 23, 0, tzinfo=UTC), date(2026, 2, 1)),
            ("America/New_York", datetime(2026, 2, 1, 4, 59, 59, tzinfo=UTC), date(2026, 1, 31)),
            ("America/New_York", datetime(2026, 2, 1, 5, 0, tzinfo=UTC), date(2026, 2, 1)),
            # The clock goes forward on 29 March 2026, back on 25 October.
            ("Europe/Berlin", datetime(2026, 3, 28, 22, 59, tzinfo=UTC), date(2026, 3, 28)),
            ("Europe/Berlin", datetime(2026, 3, 28, 23, 0, tzinfo=UTC), date(2026, 3, 29)),
            ("Europe/Berlin", datetime(2026, 3, 29, 21, 59, tzinfo=UTC), date(2026, 3, 29)),
            ("Europe/Berlin", datetime(2026, 3, 29, 22, 0, tzinfo=UTC), date(2026, 3, 30)),
            ("Europe/Berlin", datetime(2026, 10, 24, 22, 0, tzinfo=UTC), date(2026, 10, 25)),
            ("Europe/Berlin", datetime(2026, 10, 25, 22, 59, tzinfo=UTC), date(2026, 10, 25)),
            ("Europe/Berlin", datetime(2026, 10, 25, 23, 0, tzinfo=UTC), date(2026, 10, 26)),
            ("Asia/Kathmandu", datetime(2026, 6, 30, 18, 14, tzinfo=UTC), date(2026, 6, 30)),
            ("Asia/Kathmandu", datetime(2026, 6, 30, 18, 15, tzinfo=UTC), date(2026, 7, 1)),
        ],
    )
    def test_of_the_program_says_which_day_it_is(self, unit, zone, at, day):
        Program.objects.update(time_zone=zone)
        give(an_account(unit), 100, at=at)
        counted(at + timedelta(hours=2))
        assert Day.objects.get().day == day
        assert Given.objects.get().day == day

    def test_that_is_changed_has_everything_counted_anew(self, unit):
        boris = an_account(unit)
        give(boris, 100, at=datetime(2026, 5, 31, 23, 0, tzinfo=UTC))
        counted(datetime(2026, 6, 2, tzinfo=UTC))
        assert Day.objects.get().day == date(2026, 5, 31)
        Program.objects.update(time_zone="Europe/Berlin")
        counted(datetime(2026, 6, 2, tzinfo=UTC))
        assert Day.objects.get().day == date(2026, 6, 1)
        assert Book.objects.get().zone == "Europe/Berlin"
        assert Book.objects.get().off_at is None

    @pytest.mark.parametrize(
        ("until", "month"),
        [
            (datetime(2027, 5, 31, 22, 0, tzinfo=UTC), date(2027, 5, 1)),
            (datetime(2027, 5, 31, 22, 0, 1, tzinfo=UTC), date(2027, 6, 1)),
            (datetime(2026, 12, 31, 23, 0, tzinfo=UTC), date(2026, 12, 1)),
        ],
    )
    def test_says_in_which_month_points_run_out(self, unit, until, month):
        Program.objects.update(time_zone="Europe/Berlin")
        unit.program.refresh_from_db()
        give(an_account(unit), 100, until=until)
        assert [(due.first, due.ready) for due in queries.due(unit=unit)] == [(month, 100)]


class TestTheNight:
    def test_finds_nothing_where_all_is_right(self, unit):
        give(an_account(unit), 100)
        counted()
        assert list(operations.check(at=later(hours=3))) == [0]
        book = Book.objects.get()
        assert (book.checked_at, book.off_at) == (later(hours=3), None)

    def test_minds_what_was_not_counted_yet(self, unit):
        boris = an_account(unit)
        give(boris, 100)
        counted()
        give(boris, 50, at=later(hours=2))
        assert list(operations.check(at=later(hours=2))) == [0]

    @pytest.mark.parametrize("lost", [Day, Given])
    def test_counts_anew_what_was_lost_and_has_the_doctor_say_so(self, unit, lost):
        give(an_account(unit), 100)
        counted()
        lost.objects.all().delete()
        assert list(operations.check(at=later(hours=3))) == [1]
        assert stock(unit) == of_accounts(unit)
        assert Given.objects.get().plus == 100
        book = Book.objects.get()
        assert (book.off_at, book.off_points, book.is_off) == (later(hours=3), 100, False)
        [found] = [one for one in examine(at=later(hours=4)) if one.about == "figures" and one.level == "warning"]
        assert "differed from the accounts by 100 points" in found.text
        assert list(operations.check(at=later(hours=5))) == [0]

    def test_tells_of_accounts_that_do_not_say_what_their_history_says(self, unit):
        boris = an_account(unit)
        give(boris, 100)
        counted()
        Account.objects.filter(pk=boris.pk).update(available=93)
        assert list(operations.check(at=later(hours=3))) == [1]
        assert Book.objects.get().is_off
        [found] = [one for one in examine(at=later(hours=4)) if one.about == "figures"]
        assert (found.level, "loyalty_audit" in found.hint) == ("error", True)
        Account.objects.filter(pk=boris.pk).update(available=100)
        assert list(operations.check(at=later(hours=5))) == [0]
        assert not Book.objects.get().is_off


class TestPackedAccounts:
    @pytest.mark.parametrize("ids", [[], [1], [5, 3, 3, 9_000_000_000_000_000_000], range(1, 5000, 3)])
    def test_are_what_was_packed(self, ids):
        assert list(unpack(pack(ids))) == sorted(set(ids))

    def test_take_little_room(self):
        assert len(pack(range(1_000_000, 1_050_000, 10))) < 5000


class TestMembers:
    def test_are_counted_once_however_many_days_they_got_points_on(self, unit):
        boris, priya = an_account(unit), an_account(unit)
        for days in range(3):
            give(boris, 10, at=later(days=days), key=f"campaign:7:{days}")
            counted(later(days=days, hours=2))
        give(priya, 10, at=later(days=1), key="campaign:7:x")
        give(priya, 10, at=later(days=1), key="campaign:8:x")
        counted(later(days=9))
        found = queries.given(unit=unit, first=NOW.date(), last=later(days=5).date())
        assert [(row.giver, row.item, row.times, row.plus, row.members) for row in found] == [
            ("campaigns", "7", 4, 40, 2),
            ("campaigns", "8", 1, 10, 1),
        ]
        [first] = queries.given(unit=unit, first=NOW.date(), last=NOW.date())
        assert first.members == 1


class TestMonths:
    def test_stand_though_nothing_happened_in_them_and_carry_on_what_was_owed(self, unit):
        boris = an_account(unit)
        give(boris, 100)
        give(boris, 11, at=datetime(2026, 8, 3, tzinfo=UTC))
        counted(datetime(2026, 9, 1, tzinfo=UTC))
        found = queries.months(unit=unit, first=date(2026, 1, 1), last=date(2026, 9, 10))
        assert [(month.first, month.last, month.flows.get(Flow.GIVEN, 0), month.end.points) for month in found] == [
            (date(2026, 5, 1), date(2026, 5, 31), 100, 100),
            (date(2026, 6, 1), date(2026, 6, 30), 0, 100),
            (date(2026, 7, 1), date(2026, 7, 31), 0, 100),
            (date(2026, 8, 1), date(2026, 8, 31), 11, 111),
            (date(2026, 9, 1), date(2026, 9, 10), 0, 111),
        ]

    def test_have_only_their_days_of_a_period(self, unit):
        boris = an_account(unit)
        for day in (4, 5, 6, 7):
            give(boris, day, at=datetime(2026, 6, day, 12, tzinfo=UTC))
        counted(datetime(2026, 9, 1, tzinfo=UTC))
        [month] = queries.months(unit=unit, first=date(2026, 6, 5), last=date(2026, 6, 6))
        assert (month.first, month.last, month.flows[Flow.GIVEN]) == (date(2026, 6, 5), date(2026, 6, 6), 11)
        assert month.end.points == 4 + 5 + 6


class TestMembersWhoAreMerged:
    def test_pass_points_on_and_change_no_sum(self, unit):
        boris, old = an_account(unit), an_account(unit)
        give(old, 100, source="order:1", key="order:1:earn")
        give(old, 30, ready=None)
        claw(old, 100, source="order:1", key="merge:1", counter="transfer")
        give(boris, 100, kind="transfer", counter="transfer", key="merge:1:to")
        old.member.merged_into = boris.member
        old.member.save()
        counted()
        assert flows(unit) == {"given": 130}
        assert stock(unit) == of_accounts(unit) == (100, 30, 0, 0)
        assert [row.net for row in queries.given(unit=unit, first=NOW.date(), last=NOW.date())] == [130]
        assert list(operations.check(at=later(hours=3))) == [0]


class TestTheUsualShare:
    @pytest.mark.parametrize(("hour", "share"), [(14, 25), (15, 50)])
    def test_begins_with_the_day_of_the_program(self, unit, hour, share):
        # In Tokyo it is the next day from 15:00 UTC on, and what was given on the day before does not count.
        Program.objects.update(time_zone="Asia/Tokyo")
        unit = type(unit).objects.select_related("program").get()
        told = {"unit": unit, "kind": "earn", "n": 1, "d_pending": 0, "d_reserved": 0, "d_debt": 0}
        for day in (1, 2):
            Day.objects.create(**told, day=date(2026, 6, day), counter="issuance", plus=100, minus=0, d_available=100)
        used = {**told, "kind": "capture", "counter": "redemption", "day": date(2026, 6, 3)}
        Day.objects.create(**used, plus=0, minus=50, d_available=-50)
        since = datetime(2026, 6, 1, hour, tzinfo=UTC)
        assert queries.usual_share(unit=unit, since=since) == share


class TestAProgramThatFails:
    @pytest.fixture
    def others(self, unit):
        """Two programs, the first of which cannot be counted: its time zone is one that nobody knows any more."""
        other = a_unit(code="other")
        for one in (unit, other):
            give(an_account(one), 100)
        Program.objects.filter(pk=unit.program_id).update(time_zone="Mars/Olympus")
        return other

    def test_keeps_no_other_from_being_counted(self, others):
        counted_ones = operations.count(at=later(hours=2))
        assert next(counted_ones) == 1
        with pytest.raises(LoyaltyError, match=r"points that could not be counted: .*Mars/Olympus"):
            list(counted_ones)
        assert stock(others) == (100, 0, 0, 0)

    def test_keeps_no_other_from_being_compared(self, unit, others):
        Program.objects.update(time_zone="UTC")
        counted()
        Day.objects.filter(unit=unit).delete()
        Program.objects.filter(pk=unit.program_id).update(time_zone="Mars/Olympus")
        with pytest.raises(LoyaltyError, match=r"points that could not be compared: .*Mars/Olympus"):
            list(operations.check(at=later(hours=3)))
        assert Book.objects.get(unit=others).checked_at == later(hours=3)
