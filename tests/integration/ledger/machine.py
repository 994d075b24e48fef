"""
The real ledger and the plain one side by side: whatever is done to both leaves both the same.

`soak` runs many more steps than the tests do: `python -m pytest tests/integration/ledger/test_machine.py` with
LOYALTY_MACHINE_STEPS=10000, or from another program inside a database that may be written to.
"""

from __future__ import annotations

import copy
from datetime import timedelta

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Hold, Lot
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.paying import payments

from .books import NOW, WHY, a_unit, an_account, capture, dump, hold, restore, wrong
from .reference import GRACE, Reference, Refused

PEOPLE = 3
STEPS = 40

who = st.integers(0, PEOPLE - 1)
which = st.integers(0, 99)
some = st.integers(1, 60)
maybe_hours = st.none() | st.integers(0, 24 * 40)
slots = st.sampled_from(["basket:1", "basket:2", "basket:3"])


def moment(hours: float | None):
    """An instant so many hours after NOW."""
    return None if hours is None else NOW + timedelta(hours=hours)


class TwoLedgers(RuleBasedStateMachine):
    """Each rule does one thing to both; each thing that has a key is done twice."""

    counted = 0

    def __init__(self):
        super().__init__()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        unit = a_unit()
        self.accounts = [an_account(unit) for _ in range(PEOPLE)]
        self.plain = Reference(PEOPLE)
        payments.register("machine")(self.paid_for)
        self.numbers = 0
        self.given: dict[tuple[int, str], int] = {}
        self.forgiven: dict[tuple[int, str], int] = {}

    def teardown(self):
        """Leave the database as it was."""
        payments.unregister("machine")
        connection.set_rollback(True)
        self.atomic.__exit__(None, None, None)

    def paid_for(self, *, slots, at, peek):
        """Which of these baskets are being paid for."""
        return self.plain.paying & set(slots)

    @property
    def at(self):
        """The present instant."""
        return moment(self.plain.now)

    def number(self) -> int:
        """A new number of this machine's own, so that a failure can be replayed."""
        self.numbers += 1
        return self.numbers

    def same(self, real, plain, *, keyed: bool = True):
        """Do a thing to both: both refuse and nothing moves, or both do it, and once only."""
        TwoLedgers.counted += 1
        before, trial = dump(), copy.deepcopy((self.plain, None))
        try:
            expected = plain(trial[0])
        except Refused:
            try:
                with transaction.atomic():
                    real()
            except LoyaltyError:
                assert dump() == before, "a refusal moved something"
                return None
            raise AssertionError("the real ledger did what the plain one refuses") from None
        ahead = self.foresee(real)
        assert dump() == before, "a look ahead moved something"
        with ledger.recorded() as posted:
            answer = real()
        assert ahead is None or ahead == told(posted), "what was foreseen is not what was posted"
        self.plain = trial[0]
        if keyed:
            after = dump()
            real()
            assert dump() == after, "a replay moved something"
        return answer, expected

    def foresee(self, real):
        """What a thing would post, None where that cannot be foreseen. Nothing is written or locked for it."""
        try:
            with CaptureQueriesContext(connection) as asked, ledger.foreseen() as entries:
                real()
        except LoyaltyError as error:
            assert "cannot be foreseen" in str(error), "the look ahead refuses what the ledger does"
            return None
        finally:
            assert not [row["sql"] for row in asked if is_write(row["sql"])]
        return told(entries)

    # Rules -----------------------------------------------------------------------------------------------------------

    @rule(hours=st.integers(1, 24 * 20))
    def time_passes(self, hours):
        self.plain.now += hours

    @rule(owner=who, points=some, wait=maybe_hours, life=st.none() | st.integers(1, 24 * 60))
    def an_order_earns(self, owner, points, wait, life):
        source = f"order:{self.number()}"
        ready = None if wait is None else self.plain.now + wait
        until = None if ready is None or life is None else ready + life
        grant = ledger.LotGrant(
            account_id=self.accounts[owner].pk,
            points=points,
            key=f"{source}:earn",
            source=source,
            because=WHY,
            available_at=moment(ready),
            expires_at=moment(until),
        )
        at = self.at
        self.same(lambda: ledger.post(grant=grant, at=at), lambda p: p.give(owner, points, source, ready, until))
        self.given[owner, source] = points

    @rule(owner=who)
    def points_become_ready(self, owner):
        self.same(lambda: ledger.mature(account_id=self.accounts[owner].pk, at=self.at), lambda p: p.mature(owner))

    @rule(owner=who)
    def points_run_out(self, owner):
        self.same(lambda: ledger.expire(account_id=self.accounts[owner].pk, at=self.at), lambda p: p.expire(owner))

    @rule()
    def the_night_comes(self):
        def real():
            list(ledger.mature_due(at=self.at))
            list(ledger.expire_due(at=self.at))

        def plain(reference):
            for owner in range(PEOPLE):
                reference.mature(owner)
            for owner in range(PEOPLE):
                reference.expire(owner)

        self.same(real, plain)

    @precondition(lambda self: self.plain.lots)
    @rule(pick=which, hours=st.integers(1, 24 * 90))
    def a_date_moves(self, pick, hours):
        number, until = pick % len(self.plain.lots), self.plain.now + hours
        lot, account = Lot.objects.order_by("pk")[number], self.accounts[self.plain.lots[number].owner]
        fields = {"account_id": account.pk, "lot_id": lot.pk, "because": WHY, "at": self.at}
        done = self.same(
            lambda: ledger.extend(expires_at=moment(until), **fields), lambda p: p.extend(p.lots[number], until)
        )
        assert (done[0] is not None) == done[1]

    @rule(owner=who, slot=slots, points=some, asked=st.none() | some)
    def points_are_set_aside(self, owner, slot, points, asked):
        self.set_aside(owner, slot, points, asked)

    def set_aside(self, owner, slot, points, asked=None):
        """Hold points of an account; more may have been asked for."""
        self.same(
            lambda: hold(self.accounts[owner], points, slot=slot, asked=asked, at=self.at),
            lambda p: p.hold(owner, slot, points, asked),
            keyed=False,
        )

    @rule(owner=who, points=some)
    def points_are_spent_at_once(self, owner, points):
        """For a reward: there is no basket, and they come back as those of an order do."""
        fields = {"account_id": self.accounts[owner].pk, "points": points, "origin": f"claim:{self.number()}"}
        self.same(lambda: ledger.spend(because=WHY, at=self.at, **fields), lambda p: p.spend(owner, points))

    @rule(owner=who, keep=st.sampled_from(["", "basket:1"]), told=st.dictionaries(slots, st.none() | st.integers(0, 9)))
    def the_shop_looks_at_its_baskets(self, owner, keep, told):
        """Some baskets live on for hours, some are gone, of others it knows nothing."""
        now = self.plain.now
        self.look(
            owner, {slot: (hours is None, None if hours is None else now + hours) for slot, hours in told.items()}, keep
        )

    @rule(owner=who, points=some)
    def a_customer_comes_back_to_a_basket(self, owner, points):
        """What is set aside for the basket in hand stays, whatever is said of it."""
        self.set_aside(owner, "basket:1", points)
        self.look(owner, {"basket:1": (True, None)}, "basket:1")

    def look(self, owner, fates, keep):
        """Settle the holds of an account; `fates` are (is gone, until) by slot."""
        real = {slot: ledger.HoldOutcome(is_gone=gone, until=moment(until)) for slot, (gone, until) in fates.items()}
        answers = []

        def settle():
            fields = {"account_id": self.accounts[owner].pk, "at": self.at, "keep": keep}
            answers.append(ledger.settle_holds(fates=lambda holds: real, **fields))

        done = self.same(settle, lambda p: p.settle(owner, fates, keep))
        assert answers == [done[1], 0], "what was given back is not given back again"

    def a_hold(self, pick):
        """One of the holds there were, in both ledgers."""
        number = pick % len(self.plain.holds)
        return number, Hold.objects.order_by("pk")[number]

    @precondition(lambda self: self.plain.holds)
    @rule(pick=which)
    def a_hold_is_released(self, pick):
        number, held = self.a_hold(pick)
        released = []

        def real():
            fields = {"hold_id": held.pk, "account_id": held.account_id, "because": WHY, "at": self.at}
            released.append(ledger.release(**fields))

        done = self.same(real, lambda p: p.release(p.holds[number]))
        assert released == [done[1], False], "a hold is given back once"

    @precondition(lambda self: self.plain.holds)
    @rule(pick=which, points=some)
    def a_hold_is_used(self, pick, points):
        number, held = self.a_hold(pick)
        if held.state == Hold.State.CAPTURED:  # Asked again it is a replay or another amount: seen in `same`.
            return
        self.same(lambda: capture(held, points, at=self.at), lambda p: p.capture(p.holds[number], points))

    @precondition(lambda self: self.plain.holds)
    @rule(pick=which, points=some, goods=st.booleans())
    def used_points_come_back(self, pick, points, goods):
        number, held = self.a_hold(pick)
        key, at = f"r:{self.number()}", self.at
        self.same(
            lambda: restore(held, points, key=key, goods_returned=goods, at=at),
            lambda p: p.restore(p.holds[number], points, goods_returned=goods),
        )

    @precondition(lambda self: any(held.returned for held in self.plain.holds))
    @rule(pick=which, points=some)
    def a_cancelled_order_stands_again(self, pick, points):
        back = [number for number, held in enumerate(self.plain.holds) if held.returned]
        self.use_once_more(back[pick % len(back)], points)

    def use_once_more(self, number, points):
        """Use points again that came back to the lots of a hold."""
        held, key, at = self.a_hold(number)[1], f"u:{self.number()}", self.at
        fields = {"hold_id": held.pk, "account_id": held.account_id, "points": points, "key": key, "because": WHY}
        self.same(lambda: ledger.use_again(at=at, **fields), lambda p: p.use_again(p.holds[number], points))

    @rule(bears=st.booleans())
    def the_merchant_says_who_bears_what_is_missing(self, bears):
        Program.objects.update(debt_policy=Program.Debt.CLAMP if bears else Program.Debt.DEBT)
        self.plain.shop_bears = bears

    @rule(paying=st.sets(st.sampled_from(["basket:2", "basket:3"])))
    def customers_go_to_pay_and_come_back(self, paying):
        self.plain.paying = paying

    @precondition(lambda self: self.given)
    @rule(pick=which, points=some, together=st.booleans())
    def goods_come_back(self, pick, points, together):
        owner, source = sorted(self.given)[pick % len(self.given)]
        self.take_back(owner, source, min(points, self.given[owner, source]), together=together)

    def take_back(self, owner, source, points, *, together=False):
        """Take back from a source what it still stands for."""
        if not points:
            return
        key, before = f"{source}:claw:{self.number()}", self.forgiven.get((owner, source), 0)
        account, at = self.accounts[owner].pk, self.at
        fields = {"account_id": account, "source": source, "points": points, "key": key}
        fields |= {"because": WHY, "forgiven_before": before}

        def real():
            if together:
                return ledger.claw_back_together(claws=[ledger.Claw(**fields)], at=at)[account, key]
            return ledger.claw_back(at=at, **fields)

        done = self.same(real, lambda p: p.claw(owner, source, points, forgiven_before=before))
        assert done[0].forgiven == done[1]
        self.given[owner, source] -= points
        self.forgiven[owner, source] = before + done[1]

    @precondition(lambda self: self.given)
    @rule(pick=which, points=some)
    def a_cancel_is_undone(self, pick, points):
        self.come_again(*sorted(self.given)[pick % len(self.given)], points)

    def come_again(self, owner, source, points):
        """Give points back to a source they were taken back from."""
        key, at, forgiven = f"{source}:back:{self.number()}", self.at, self.forgiven.get((owner, source), 0)
        fields = {"account_id": self.accounts[owner].pk, "source": source, "points": points, "key": key}
        done = self.same(
            lambda: ledger.give_back(because=WHY, at=at, forgiven=forgiven, **fields),
            lambda p: p.give_back(owner, source, points, forgiven),
        )
        if done:
            self.given[owner, source] += points
            self.forgiven[owner, source] = max(0, forgiven - points)

    @rule(owner=who, points=st.integers(-60, 60))
    def staff_adjusts(self, owner, points):
        key, account, at = f"manual:{self.number()}", self.accounts[owner].pk, self.at
        fields = {"account_id": account, "points": points, "key": key, "because": WHY, "actor": "staff:1", "note": "x"}
        self.same(lambda: ledger.adjust(at=at, **fields), lambda p: p.adjust(owner, points, key))

    # Directed rules: what chance alone seldom meets ------------------------------------------------------------------

    @rule(owner=who, points=some)
    def earn_spend_everything_and_return_it_all(self, owner, points):
        self.an_order_earns(owner, points, 0, 24)
        source = f"order:{self.numbers}"
        if ready := self.plain.balance(owner)[0]:
            self.set_aside(owner, "basket:1", ready)
            self.use_newest(ready)
        self.take_back(owner, source, self.given[owner, source])

    @rule(owner=who, points=some, goods=st.booleans(), hours=st.integers(0, 24 * 35))
    def spend_and_get_it_back_twice(self, owner, points, goods, hours):
        self.an_order_earns(owner, points, 0, 24)
        for half in (max(1, points // 2), points):
            if ready := self.plain.balance(owner)[0]:
                self.set_aside(owner, "basket:2", ready)
                self.use_newest(ready)
                self.plain.now += hours
                newest = len(self.plain.holds) - 1
                self.used_points_come_back(newest, half, goods)
                self.used_points_come_back(newest, ready, goods)
                self.used_points_come_back(newest, ready - half, goods)

    @rule(owner=who, points=some, wait=st.integers(0, 24 * 20), goods=st.booleans())
    def an_order_is_cancelled_and_stands_again_while_its_points_are_used_elsewhere(self, owner, points, wait, goods):
        self.an_order_earns(owner, points, 0, 24 * 10)
        if ready := self.plain.balance(owner)[0]:
            self.set_aside(owner, "basket:1", ready)
            self.use_newest(ready)
            newest = len(self.plain.holds) - 1
            self.used_points_come_back(newest, ready, goods)
            self.set_aside(owner, "basket:2", max(1, points // 2))
            self.plain.now += wait
            self.use_once_more(newest, ready)
            self.used_points_come_back(newest, ready, goods)

    @rule(owner=who, points=st.integers(2, 60), left=st.booleans())
    def what_was_taken_elsewhere_comes_back_where_there_is_no_room(self, owner, points, left):
        self.an_order_earns(owner, points, 0, 24 * 50)
        source = f"order:{self.numbers}"
        if left:
            self.an_order_earns(owner, points, 0, 24 * 40)
        if ready := self.plain.balance(owner)[0]:
            self.set_aside(owner, "basket:3", min(ready, points))
            self.use_newest(min(ready, points))
            newest = len(self.plain.holds) - 1
            self.take_back(owner, source, self.given[owner, source])
            self.come_again(owner, source, points)
            self.used_points_come_back(newest, min(ready, points), False)

    @rule(owner=who, points=some, hours=st.integers(0, 48), use=st.booleans())
    def points_run_out_while_they_are_set_aside(self, owner, points, hours, use):
        self.an_order_earns(owner, points, 0, 24)
        if ready := self.plain.balance(owner)[0]:
            self.set_aside(owner, "basket:3", max(1, ready - 1))
            self.plain.now += hours
            self.points_run_out(owner)
            self.use_newest(1) if use else self.a_hold_is_released(len(self.plain.holds) - 1)

    @precondition(lambda self: self.plain.holds)
    @rule(pick=which, points=some)
    def a_hold_is_resolved_twice(self, pick, points):
        self.a_hold_is_used(pick, points)
        self.a_hold_is_released(pick)
        self.a_hold_is_released(pick)

    def use_newest(self, points):
        """Use points of the hold that was placed last."""
        if self.plain.holds:
            self.a_hold_is_used(len(self.plain.holds) - 1, points)

    # What always holds -----------------------------------------------------------------------------------------------

    @invariant()
    def both_are_the_same(self):
        plain = self.plain
        for owner, account in enumerate(self.accounts):
            now = Account.objects.get(pk=account.pk)
            assert (now.available, now.pending, now.reserved, now.debt) == plain.balance(owner)
        real = [
            (row.source, row.granted, row.remaining, row.reserved, row.state, row.expires_at, row.graced)
            for row in Lot.objects.order_by("pk")
        ]
        assert real == [
            (lot.source, lot.granted, lot.free, lot.held, state_of(lot), moment(lot.until), lot.graced)
            for lot in plain.lots
        ]
        real = [
            (row.state, row.slot, row.points, row.asked, row.captured, row.returned, row.forgiven, row.expires_at)
            for row in Hold.objects.order_by("pk")
        ]
        assert real == [
            (h.state, h.slot, h.points, h.asked, h.captured, h.returned, h.forgiven, moment(h.ends))
            for h in plain.holds
        ]

    @invariant()
    def the_audit_is_clean_and_nothing_comes_from_nowhere(self):
        assert wrong() == []
        assert all(row.returned <= row.captured <= row.points for row in Hold.objects.all())
        # No credit outlives its first date, but for one grace and what was moved with a reason.
        for row in Lot.objects.filter(extensions=0, expires_at__isnull=False):
            assert row.expires_at == row.first_expires_at or row.graced
            assert row.expires_at <= max(row.first_expires_at, self.at + timedelta(hours=GRACE))


TOLD = (
    "account_id", "seq", "kind", "counter", "because", "net_after", "available_after",
    "d_available", "d_pending", "d_reserved", "d_debt",
)  # fmt: skip


def told(entries) -> list[tuple]:
    """What entries say, by account; numbers of lots that are never saved are no part of it."""
    rows = sorted(entries, key=lambda entry: (entry.account_id, entry.seq))
    return [tuple(getattr(row, field) for field in TOLD) for row in rows]


def is_write(sql: str) -> bool:
    """Whether a statement changes or locks rows."""
    return sql.lstrip("( ").upper().startswith(("INSERT", "UPDATE", "DELETE")) or "FOR UPDATE" in sql or "FOR NO" in sql


def state_of(lot) -> str:
    """The state that a plain lot has in the real ledger."""
    if lot.free + lot.held == 0:
        return "closed"
    return "pending" if lot.waiting else "open"


def soak(*, steps: int, seed: int | None = None, shrink: bool = True) -> int:
    """
    Run about so many steps and return how often something was done to both ledgers.

    Needs a database without programs that may be written to; everything is rolled back. Raises AssertionError with
    the steps that led there, as few as can be found if `shrink`. The same `seed` takes the same steps.
    """
    TwoLedgers.counted = 0
    machine = type("Machine", (TwoLedgers,), {})
    machine = machine if seed is None else seeded(seed)(machine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=max(1, steps // STEPS),
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
    return TwoLedgers.counted
