"""What would be posted is what is posted, and to know it nothing is written and nothing locked."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty_oscar.kernel.errors import LoyaltyError, NotEnoughPoints
from loyalty_oscar.kernel.promise import Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.operations import desk, foresight
from loyalty_oscar.ledger.operations.grants import mature_together
from loyalty_oscar.program import operations
from loyalty_oscar.program.models import Member, Program
from loyalty_oscar.program.paying import payments
from tests.amount import some

from .books import NOW, WHY, a_unit, an_account, assert_clean, balance, capture, claw, dump, give, hold, later, restore
from .machine import is_write, told

pytestmark = pytest.mark.django_db
#: Forty lives, and a thousand with `make arithmetic`.
few = settings(some, max_examples=some.max_examples // 5)
AT = later(days=3)


class World:
    """An account with lots of every kind, a use of which a part came back, and baskets with points."""

    def __init__(self) -> None:
        unit = a_unit()
        self.account, self.other = an_account(unit), an_account(unit)
        give(self.account, 40, source="order:1", until=later(days=2))
        give(self.account, 60, source="order:2", until=later(days=50))
        give(self.account, 25, source="order:3", ready=None)
        give(self.account, 15, source="order:4", ready=later(days=2), until=later(days=60))
        give(self.other, 30, source="order:5")
        self.used = hold(self.account, 35, slot="basket:9")
        capture(self.used, 35)
        restore(self.used, 10, key="r:0")
        hold(self.account, 20, slot="basket:1", until=later(days=9))
        hold(self.account, 10, slot="basket:2", until=later(days=9))
        self.gift(WHY, at=NOW)

    def gift(self, why, *, at=AT, account=None):
        account = account or self.account
        operations.give(member_id=account.member_id, promise=Promise(points=12), key="gift:1", because=why, at=at)

    def do(self, step):
        """Do one thing; what the ledger refuses is a thing too."""
        name, points, number = step
        where = {"account_id": self.account.pk, "because": WHY, "at": AT}
        source, key = f"order:{1 + points % 4}", f"{name}:{number}"
        use = {"hold_id": self.used.pk, "points": points % 30 + 1}
        ways = {
            "claw": lambda: ledger.claw_back(**where, source=source, points=points, key=key),
            "claws": lambda: ledger.claw_back_together(
                claws=[ledger.Claw(account_id=self.account.pk, source=source, points=points, key=key, because=WHY)],
                at=AT,
            ),
            "give back": lambda: ledger.give_back(**where, source=source, points=points, key=key, forgiven=points // 3),
            "restore": lambda: ledger.restore(**where, **use, key=key, goods_returned=points % 2 == 0),
            "use again": lambda: ledger.use_again(**where, **use, key=key),
            "post": lambda: give(self.account, points, source="new", key=key, at=AT, ready=AT),
            "post many": lambda: ledger.post_many(
                grants=[
                    ledger.LotGrant(
                        account_id=pk, points=points, key=key, source="many", because=WHY,
                        available_at=AT if points % 2 else None,
                    )
                    for pk in (self.account.pk, self.other.pk)
                ],
                at=AT,
            ),
            "gift": lambda: self.gift(WHY),
            "gift of another": lambda: self.gift(WHY, account=self.other),
            "revoke": lambda: operations.take_back(
                member_id=self.account.member_id, promise=Promise(points=12), key="gift:1", because=WHY, at=AT,
            ),
            "schedule": lambda: ledger.schedule(
                account_id=self.account.pk, source="order:3", available_at=AT - timedelta(days=1),
                expires_at=AT + timedelta(days=points), at=AT,
            ),
            "mature": lambda: ledger.mature(account_id=self.account.pk, at=AT),
            "expire": lambda: ledger.expire(account_id=self.account.pk, at=AT),
            "adjust": lambda: ledger.adjust(
                **where, points=points if points % 2 else -points, key=key, actor="staff:1", note="x"
            ),
        }  # fmt: skip
        try:
            with transaction.atomic():
                ways[name.replace("_", " ")]()
        except LoyaltyError as refusal:
            return type(refusal).__name__
        return "done"


NAMES = (
    "claw", "claws", "give_back", "restore", "use_again", "post", "post_many", "gift", "gift_of_another", "revoke",
    "schedule", "mature", "expire", "adjust",
)  # fmt: skip
steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 80)), min_size=1, max_size=9)


class TestWhatIsForeseen:
    @pytest.mark.parametrize("claw", ["claw", "claws"])
    def test_takes_older_lots_before_one_that_it_made_itself(self, claw):
        world, life = World(), [("give_back", 2, 0), (claw, 2, 1), ("schedule", 1, 2)]
        with ledger.foreseen() as entries:
            assert [world.do(step) for step in life] == ["done"] * 3
        with ledger.recorded() as posted:
            assert [world.do(step) for step in life] == ["done"] * 3
        assert told(entries) == told(posted)

    @pytest.mark.parametrize(("ordinary", "grows"), [(foresight.ORDINARY, False), (4, True)])
    def test_asks_for_the_rows_of_an_ordinary_account_once(self, ordinary, grows, monkeypatch):
        monkeypatch.setattr(foresight, "ORDINARY", ordinary)
        world, asked = World(), []
        for often in (2, 8):
            with CaptureQueriesContext(connection) as queries, ledger.foreseen():
                assert {world.do(("claw", 1, number)) for number in range(often)} == {"done"}
            asked.append(sum("SAVEPOINT" not in row["sql"] for row in queries))
        assert (asked[1] > asked[0]) is grows

    @few
    @given(chosen=steps, bears=st.booleans(), paying=st.booleans(), ordinary=st.sampled_from([0, foresight.ORDINARY]))
    def test_is_what_is_posted_whatever_is_done_and_how_much_of_it(self, chosen, bears, paying, ordinary):
        payments.register("test")(lambda *, slots, at, peek: {"basket:2"} & set(slots) if paying else set())
        try:
            # An account with more rows than is ordinary is asked for those that are wanted, each time.
            with patch.object(foresight, "ORDINARY", ordinary), transaction.atomic():
                world = World()
                Program.objects.update(debt_policy="clamp" if bears else "debt")
                life = [(name, points, number) for number, (name, points) in enumerate(chosen)]
                before = dump()
                with CaptureQueriesContext(connection) as asked, ledger.foreseen() as entries:
                    expected = [world.do(step) for step in life]
                assert not [row["sql"] for row in asked if is_write(row["sql"])]
                assert dump() == before
                with ledger.recorded() as posted:
                    assert [world.do(step) for step in life] == expected
                assert told(entries) == told(posted)
                assert_clean()
                transaction.set_rollback(True)
        finally:
            payments.unregister("test")


def forgets_between(monkeypatch):
    """Each operation is foreseen from the rows alone."""
    real = foresight.Foresight.desk_of

    def desk_of(self, account_id, **about):
        self.desks.pop(account_id, None)
        return real(self, account_id, **about)

    monkeypatch.setattr(foresight.Foresight, "desk_of", desk_of)


def forgets_what_ran_out(monkeypatch):
    """What ran out a moment ago has to be given back."""
    monkeypatch.setattr(foresight.ForeseeingDesk, "run_out", desk.AccountWriter.run_out)


def writes(monkeypatch):
    """The entry is saved after all."""
    monkeypatch.setattr(foresight.ForeseeingDesk, "_store", desk.AccountWriter._store)


class TestAWrongLookAhead:
    @pytest.mark.parametrize("bug", [forgets_between, forgets_what_ran_out, writes])
    def test_is_found_out(self, bug, monkeypatch):
        bug(monkeypatch)
        foreseen = TestWhatIsForeseen.test_is_what_is_posted_whatever_is_done_and_how_much_of_it.hypothesis.inner_test
        life = [("restore", 9), ("expire", 1), ("claw", 40), ("post", 7), ("revoke", 1), ("gift", 1), ("claw", 80)]
        with pytest.raises(AssertionError):
            foreseen(TestWhatIsForeseen(), chosen=life, bears=False, paying=False, ordinary=500)


class TestALookAhead:
    def test_is_told_to_nobody_outside(self):
        account = an_account()
        with ledger.recorded() as posted:
            with ledger.foreseen() as entries:
                give(account, 10)
            give(account, 5)
        assert [entry.d_available for entry in entries] == [10]
        assert [entry.d_available for entry in posted] == [5]
        assert [entry.pk for entry in entries] == [None]

    def test_opens_no_account_for_a_gift_to_somebody_who_has_none(self):
        member = Member.objects.create(program=a_unit().program, joined_at=NOW)
        gift = {"member_id": member.pk, "promise": Promise(points=30), "key": "gift:1", "because": WHY}
        with ledger.foreseen() as entries:
            operations.give(at=NOW, **gift)
            operations.take_back(at=NOW, **gift)
            operations.give(at=NOW, **gift)
        assert [entry.net for entry in entries] == [30, -30, 30]
        assert [entry.key for entry in entries] == ["gift:1", "gift:1:back:1", "gift:1:again:1"]
        assert not Account.objects.exists()

    def test_forgets_what_failed(self):
        account = an_account()
        give(account, 10, until=later(days=1))
        with ledger.foreseen() as entries:
            with pytest.raises(NotEnoughPoints):
                ledger.adjust(
                    account_id=account.pk, points=-20, key="m", because=WHY, actor="staff:1", note="x", at=later(days=2)
                )
            assert entries == []
            give(account, 3, at=later(days=2))
            assert [entry.available_after for entry in entries] == [13]

    def test_inside_another_is_like_a_savepoint(self):
        account = an_account()
        with ledger.foreseen() as entries:
            give(account, 10)
            with ledger.foreseen() as first:
                give(account, 5)
            with pytest.raises(ZeroDivisionError), ledger.foreseen():
                give(account, 7)
                raise ZeroDivisionError
            give(account, 1)
        assert [entry.available_after for entry in first] == [15]
        assert [entry.available_after for entry in entries] == [10, 15, 16]

    @pytest.mark.parametrize("act", ["hold", "capture", "release", "settle", "renew", "many", "night", "run-out"])
    def test_refuses_what_it_cannot_foresee(self, act):
        account = an_account()
        give(account, 10)
        held = hold(account, 4)
        where = {"account_id": account.pk, "at": NOW}
        ways = {
            "hold": lambda: hold(account, 1, slot="basket:2"),
            "capture": lambda: capture(held, 4),
            "release": lambda: ledger.release(hold_id=held.pk, because=WHY, **where),
            "settle": lambda: ledger.settle_holds(fates=lambda holds: {}, **where),
            "renew": lambda: ledger.renew(hold_id=held.pk, until=later(days=1)),
            "many": lambda: mature_together(account_ids=[account.pk], at=NOW),
            "night": lambda: list(ledger.mature_due(at=NOW)),
            "run-out": lambda: list(ledger.expire_due(at=NOW)),
        }
        before = dump()
        with pytest.raises(LoyaltyError, match="cannot be foreseen"), ledger.foreseen():
            ways[act]()
        assert dump() == before

    def test_sees_the_debt_that_it_would_make(self):
        account = an_account()
        give(account, 10, source="order:1")
        capture(hold(account, 10), 10)
        with ledger.foreseen() as entries:
            claw(account, 10, source="order:1", key="c")
            give(account, 4)
            give(account, 9)
        assert [entry.d_debt for entry in entries] == [10, -4, -6]
        assert balance(account) == (0, 0, 0, 0)


class TestWhatIsRecorded:
    def test_is_what_was_posted_in_its_order(self):
        account = an_account()
        with ledger.recorded() as posted:
            give(account, 10)
            capture(hold(account, 4), 4)
        assert [entry.pk for entry in posted] == list(Entry.objects.order_by("pk").values_list("pk", flat=True))

    def test_holds_no_replay_and_nothing_that_failed(self):
        account = an_account()
        give(account, 10, source="a", until=later(days=1))
        with ledger.recorded() as posted:
            give(account, 10, source="a")
            with pytest.raises(NotEnoughPoints):
                hold(account, 5, at=later(days=2))
        assert posted == []

    def test_holds_what_is_posted_together_too(self):
        unit = a_unit()
        for _ in range(2):
            give(an_account(unit), 10, ready=later(days=1), until=later(days=2))
        with ledger.recorded() as posted:
            list(ledger.mature_due(at=later(days=1)))
            list(ledger.expire_due(at=later(days=2)))
        assert sorted(entry.kind for entry in posted) == ["expire", "expire", "mature", "mature"]
        assert all(entry.pk for entry in posted)

    def test_is_told_to_all_who_listen(self):
        account = an_account()
        with ledger.recorded() as outer:
            give(account, 1)
            with ledger.recorded() as inner:
                give(account, 2)
        assert [entry.d_available for entry in outer] == [1, 2]
        assert [entry.d_available for entry in inner] == [2]
