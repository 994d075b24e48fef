"""
The order that never was: random lives of a small shop, lived with one order and without it.

Cancelled or deleted, it leaves every balance, level, gift, friend, budget, quota and date as in the life without it;
after every step an oracle that knows nothing of the product says what must stand on each account. `make soak` lives ten
thousand; `python -m tests.benchmarks.soak --seed 7 --lives 1 --first 41` lives one of them again.
"""

import pytest
from django.db import connection

from tests.lives.drawing import draw
from tests.lives.play import Fault, play
from tests.lives.shop import a_shop
from tests.lives.shrinking import shortest

#: On PostgreSQL a fifth of them: what chance draws is the same on every database.
LIVES, AT_ONCE, SEED = (300 if connection.vendor == "sqlite" else 60), 30, 20260702


@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, LIVES, AT_ONCE))
class TestAnOrderThatCameToNothing:
    def test_leaves_everything_as_in_the_life_without_it(self, first):
        print(f"lives {SEED}/{first} to {SEED}/{first + AT_ONCE - 1}")
        with a_shop() as shop:
            for number in range(first, first + AT_ONCE):
                try:
                    play(shop, draw(seed=SEED, number=number))
                except Fault as fault:
                    pytest.fail(str(shortest(shop=shop, fault=fault)), pytrace=False)
