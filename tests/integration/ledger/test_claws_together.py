"""Taking back what many sources brought: the same rows as one by one, in a few statements."""

import pytest

from loyalty_oscar.kernel.errors import KeyMismatch
from loyalty_oscar.ledger import operations as ledger

from .books import NOW, WHY, a_unit, an_account, assert_clean, balance, capture, claw, give, hold, later, restore
from .test_together import compared, rows

pytestmark = pytest.mark.django_db


def a_claw(account, points, source, **fields):
    return ledger.Claw(
        account_id=account.pk, points=points, source=source, key=f"{source}:sync:9", because=WHY, **fields
    )


def claws_of_every_kind():
    """Claws that meet accounts in every state."""
    unit = a_unit()
    plain, part, two, waiting, over, sold, spent, held, owing = (an_account(unit) for _ in range(9))
    for account in (plain, part, over, spent, held, owing):
        give(account, 30, source="order:1", until=later(days=400))
    give(two, 10, source="order:1", until=later(days=400))
    give(two, 5, source="order:1", key="order:1:sync:1", until=later(days=400))
    give(waiting, 20, source="order:1", ready=None)
    give(sold, 30, source="order:1", until=later(days=1))
    give(sold, 8, source="order:2", until=later(days=2))
    used = hold(sold, 10)
    capture(used, 10)
    give(over, 20, source="order:2", until=later(days=1))
    hold(spent, 25, slot="basket:7", until=later(days=90))
    give(held, 50, source="order:2", until=later(days=500))
    capture(hold(held, 30, slot="basket:8"), 30)
    claw(owing, 30, source="order:1", key="order:1:sync:1")
    claw(owing, 5, source="order:3", key="order:3:sync:1")
    return [
        a_claw(plain, 30, "order:1"),
        a_claw(part, 7, "order:1"),
        a_claw(two, 12, "order:1"),
        a_claw(waiting, 20, "order:1"),
        a_claw(over, 30, "order:1"),
        a_claw(over, 20, "order:2"),
        a_claw(sold, 30, "order:1", forgiven_before=3),
        a_claw(spent, 30, "order:1"),
        a_claw(held, 30, "order:1"),
        a_claw(owing, 4, "order:4"),
    ]


def one_by_one(claws, at):
    for c in claws:
        fields = {name: getattr(c, name) for name in ("source", "points", "key", "because", "forgiven_before")}
        posted = ledger.claw_back(account_id=c.account_id, at=at, **fields)
        yield (c.account_id, c.key), posted.forgiven


def together(claws, at):
    found = ledger.claw_back_together(claws=claws, at=at)
    return {key: posted.forgiven for key, posted in found.items()}


class TestManyClaws:
    @pytest.mark.parametrize("days", [0, 3])
    def test_write_the_same_rows_as_one_by_one(self, days):
        claws, at = claws_of_every_kind(), later(days=days)
        expected, found = compared(one_by_one=lambda: one_by_one(claws, at), together=lambda: together(claws, at))
        assert found == expected
        assert_clean()

    def test_change_nothing_the_second_time(self):
        claws = claws_of_every_kind()
        first = together(claws, NOW)
        stands = rows()
        assert together(claws, NOW) == first
        assert rows() == stands

    def test_refuse_a_key_with_other_contents_and_undo_what_they_began(self):
        claws = claws_of_every_kind()
        together(claws[:1], NOW)
        other = ledger.Claw(account_id=claws[0].account_id, source="order:1", points=1, key=claws[0].key, because=WHY)
        stands = rows()
        with pytest.raises(KeyMismatch):
            ledger.claw_back_together(claws=[claws[1], other], at=NOW)
        assert rows() == stands

    def test_take_what_came_back_to_life(self):
        account = an_account()
        give(account, 50, source="order:1", until=later(days=5))
        used = hold(account, 20)
        capture(used, 20)
        ledger.expire(account_id=account.pk, at=later(days=6))
        restore(used, 20, key="back", goods_returned=True, at=later(days=7))
        found = together([a_claw(account, 50, "order:1")], later(days=8))
        assert found == {(account.pk, "order:1:sync:9"): 30}
        assert balance(account) == (0, 0, 0, 0)
        assert_clean()

    @pytest.mark.parametrize("count", [2, 20])
    def test_take_as_many_statements_for_two_as_for_twenty(self, count, django_assert_num_queries):
        unit, claws = a_unit(), []
        for _ in range(count):
            account = an_account(unit)
            give(account, 10, source="order:1", until=later(days=5))
            give(account, 10, source="order:2", ready=None)
            claws += [a_claw(account, 10, "order:1"), a_claw(account, 10, "order:2")]
        with django_assert_num_queries(13):
            ledger.claw_back_together(claws=claws, at=later(days=1))
        assert_clean()
