"""Giving points: once per key, on the way or ready, one by one or many at once."""

import pytest

from loyalty_oscar.kernel.errors import KeyMismatch, LoyaltyError
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry, Kind, Lot, Note

from .books import NOW, WHY, a_unit, an_account, assert_clean, balance, dump, give, kinds, later, lots

pytestmark = pytest.mark.django_db


def a_grant(account, points=5, **fields):
    """A grant, unposted."""
    fields = {"key": "order:1:earn", "source": "order:1", "because": WHY, **fields}
    return ledger.LotGrant(account_id=account.pk, points=points, **fields)


class TestAnAccount:
    def test_is_made_once(self):
        account = an_account()
        again = ledger.open_account(member=account.member, unit=account.unit)
        assert again == account
        assert Account.objects.count() == 1
        assert balance(account) == (0, 0, 0, 0)


class TestAGrant:
    def test_waits_on_the_way_until_it_has_a_date(self):
        account = an_account()
        posted = give(account, 100, ready=None, source="order:1")
        assert balance(account) == (0, 100, 0, 0)
        assert lots(account) == [("order:1", 100, 0, "pending")]
        assert (posted.entry.seq, posted.entry.net_after, posted.entry.available_after) == (1, 100, 0)
        assert_clean()

    def test_waits_until_the_second_its_date_comes(self):
        account = an_account()
        give(account, 100, ready=later(seconds=1))
        give(account, 10, ready=NOW)
        assert balance(account) == (10, 100, 0, 0)

    def test_comes_once_however_often_it_is_posted(self):
        account = an_account()
        first = give(account, 100, source="order:1")
        before = dump()
        again = give(account, 100, source="order:1", at=later(days=3))
        assert again.replayed
        assert not first.replayed
        assert again.entry == first.entry
        assert dump() == before

    def test_may_learn_its_dates_later_and_still_is_the_same(self):
        account = an_account()
        give(account, 100, source="order:1", ready=None)
        assert give(account, 100, source="order:1", ready=later(days=14), until=later(days=400)).replayed

    def test_counts_towards_what_was_earned_so_far_only_if_it_was_earned(self):
        account = an_account()
        give(account, 100)
        give(account, 50, kind="welcome")
        give(account, 7, kind="import")
        ledger.adjust(account_id=account.pk, points=3, key="manual:1", because=WHY, actor="staff:1", note="ok", at=NOW)
        account.refresh_from_db()
        assert account.lifetime_earned == 150
        assert account.available == 160

    def test_keeps_a_typed_reason_beside_the_entry(self):
        account = an_account()
        posted = ledger.post(grant=a_grant(account), at=NOW, note="spoke on the phone")
        assert Note.objects.get(entry=posted.entry).text == "spoke on the phone"

    @pytest.mark.parametrize("kind", ["earn", Kind.EARN])
    def test_is_the_same_whether_its_kind_is_a_word_or_a_choice(self, kind):
        assert a_grant(Account(pk=1), kind=kind).fingerprint() == a_grant(Account(pk=1)).fingerprint()


class TestManyGrants:
    def test_are_what_they_would_be_one_by_one(self):
        unit = a_unit()
        one, other = an_account(unit), an_account(unit)
        grants = [a_grant(one, 5, key="a"), a_grant(other, 7, key="a", available_at=NOW), a_grant(one, 3, key="b")]
        assert ledger.post_many(grants=grants, at=NOW) == 3
        assert (balance(one), balance(other)) == ((0, 8, 0, 0), (7, 0, 0, 0))
        assert list(Entry.objects.filter(account=one).values_list("seq", "net_after")) == [(1, 5), (2, 8)]
        assert_clean()

    def test_come_once_though_they_are_posted_again_and_twice_in_one_batch(self):
        account = an_account()
        grants = [a_grant(account, key="a"), a_grant(account, key="b"), a_grant(account, key="a")]
        assert ledger.post_many(grants=grants, at=NOW) == 2
        before = dump()
        assert ledger.post_many(grants=grants, at=later(days=1)) == 0
        assert dump() == before
        assert ledger.post_many(grants=[*grants, a_grant(account, key="c")], at=NOW) == 1
        assert_clean()

    @pytest.mark.parametrize("there", [True, False])
    def test_are_all_refused_where_one_key_has_other_contents(self, there):
        account = an_account()
        if there:
            ledger.post(grant=a_grant(account, 5, key="a"), at=NOW)
        rest = [a_grant(account, 1, key="z"), a_grant(account, 6, key="a")]
        before = dump()
        with pytest.raises(KeyMismatch, match="a was posted before"):
            ledger.post_many(grants=rest if there else [*rest, a_grant(account, 5, key="a")], at=NOW)
        assert dump() == before

    def test_pay_first_what_is_to_be_made_up(self):
        account = an_account()
        give(account, 10, source="order:1")
        ledger.adjust(account_id=account.pk, points=-10, key="m:1", because=WHY, actor="staff:1", note="x", at=NOW)
        ledger.claw_back(account_id=account.pk, source="order:1", points=10, key="c", because=WHY, at=NOW)
        assert balance(account) == (0, 0, 0, 10)
        grants = [a_grant(account, 4, key="a", available_at=NOW), a_grant(account, 9, key="b", available_at=NOW)]
        assert ledger.post_many(grants=grants, at=NOW) == 2
        assert balance(account) == (3, 0, 0, 0)
        assert_clean()

    def test_of_a_thousand_accounts_take_a_handful_of_statements(self, django_assert_max_num_queries):
        unit = a_unit()
        accounts = [an_account(unit) for _ in range(60)]
        with django_assert_max_num_queries(9):
            ledger.post_many(grants=[a_grant(account) for account in accounts], at=NOW)
        assert_clean()


class TestMaturing:
    def test_makes_ready_what_is_due_and_nothing_else(self):
        account = an_account()
        give(account, 100, ready=later(days=14))
        give(account, 30, ready=later(days=14, microseconds=1))
        give(account, 7, ready=None)
        assert ledger.mature(account_id=account.pk, at=later(days=14)) == 100
        assert balance(account) == (100, 37, 0, 0)
        assert Entry.objects.get(kind="mature").net == 0
        assert ledger.mature(account_id=account.pk, at=later(days=14)) == 0
        assert_clean()

    def test_finds_every_account_that_is_due(self):
        unit = a_unit()
        due, other = an_account(unit), an_account(unit)
        give(due, 5, ready=later(days=1))
        give(other, 5, ready=later(days=2))
        assert list(ledger.mature_due(at=later(days=1))) == [(due.pk, 5)]
        assert list(ledger.mature_due(at=later(days=1))) == []

    def test_pays_first_what_is_to_be_made_up(self):
        account = an_account()
        give(account, 10, source="order:1")
        give(account, 25, source="order:2", ready=later(days=1))
        ledger.adjust(account_id=account.pk, points=-10, key="m:1", because=WHY, actor="staff:1", note="x", at=NOW)
        give(account, 4, source="order:3", ready=None)
        ledger.claw_back(account_id=account.pk, source="order:1", points=10, key="c", because=WHY, at=NOW)
        assert balance(account) == (0, 29, 0, 10)
        ledger.mature(account_id=account.pk, at=later(days=1))
        assert balance(account) == (15, 4, 0, 0)
        entry = Entry.objects.get(kind="mature")
        assert entry.because["p"]["made_up"] == 10
        assert_clean()


class TestScheduling:
    def test_dates_what_waits_and_leaves_the_entry_alone(self):
        account = an_account()
        give(account, 100, ready=None, source="order:1")
        give(account, 5, ready=None, source="order:2")
        ready, until = later(days=14), later(days=400)
        count = ledger.schedule(
            account_id=account.pk, source="order:1", available_at=ready, expires_at=until, at=later(days=1)
        )
        lot, other = Lot.objects.order_by("pk")
        assert count == 1
        assert (lot.available_at, lot.expires_at, lot.first_expires_at) == (ready, until, until)
        assert other.available_at is None
        assert kinds(account) == ["earn", "earn"]

    def test_makes_ready_at_once_what_is_due_already(self):
        account = an_account()
        give(account, 100, ready=None, source="order:1")
        ledger.schedule(account_id=account.pk, source="order:1", available_at=NOW, expires_at=None, at=NOW)
        assert balance(account) == (100, 0, 0, 0)
        assert_clean()


class TestAnAdjustment:
    def test_gives_and_takes_with_a_reason(self):
        account = an_account()
        for points, key in ((30, "m:1"), (-10, "m:2")):
            ledger.adjust(
                account_id=account.pk, points=points, key=key, because=WHY, actor="staff:4", note="goodwill", at=NOW
            )
        assert balance(account) == (20, 0, 0, 0)
        assert Note.objects.count() == 2
        assert set(Entry.objects.values_list("actor", "counter")) == {("staff:4", "adjustment")}
        assert_clean()

    def test_takes_what_runs_out_first(self):
        account = an_account()
        give(account, 10, source="never")
        give(account, 10, source="late", until=later(days=9))
        give(account, 10, source="soon", until=later(days=2))
        ledger.adjust(account_id=account.pk, points=-15, key="m:1", because=WHY, actor="staff:4", note="x", at=NOW)
        assert [row[:2] for row in lots(account)] == [("never", 10), ("late", 5), ("soon", 0)]

    @pytest.mark.parametrize("points", [1, -1])
    def test_comes_once(self, points):
        account = an_account()
        give(account, 10)
        fields = {"key": "m:1", "because": WHY, "actor": "staff:4", "note": "x", "at": NOW}
        ledger.adjust(account_id=account.pk, points=points, **fields)
        assert ledger.adjust(account_id=account.pk, points=points, **fields).replayed
        assert balance(account) == (10 + points, 0, 0, 0)


class TestAGrantThatNoRowCanHold:
    @pytest.mark.parametrize(
        "fields",
        [
            {"points": 0},
            {"points": -5},
            {"points": 1.5},
            {"points": True},
            {"points": "7"},
            {"points": None},
            {"key": ""},
            {"key": "Order:1"},
            {"key": "order 1"},
            {"key": "á"},
            {"key": "a" * 101},
            {"source": "s" * 61},
        ],
    )
    def test_is_refused_before_anything_is_asked(self, fields, django_assert_num_queries):
        with django_assert_num_queries(0), pytest.raises(LoyaltyError):
            a_grant(Account(pk=1), **fields)
