"""
Somebody deletes their profile in one tab and orders with points in another, at the same time or a little later: both
get an answer that a person understands, and no point and no payment is lost between them.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from oscar.core.loading import get_model

from tests.integration.ledger.books import assert_clean

from .crowds import MANY, broken_after, runs_of
from .served import a_post, a_server, at_once
from .test_using_points_by_http import THANKS, a_session, sent, typed_at_checkout, wanted
from .using import a_member, a_shop, baskets_of, use

pytestmark = pytest.mark.django_db(transaction=True)
BOTH = pytest.mark.parametrize("atomic", [False, True], ids=["plain", "atomic-requests"])
DELETE = reverse("customer:profile-delete")
#: So much later the profile is deleted, in seconds: before, during and after the order.
LATER = (0, 0.05, 0.1, 0.2, 0.4)
Order, User = get_model("order", "Order"), get_user_model()


def leave(shop, port, *, runs, later=LATER):
    """Order in one tab, use other points in a second one, delete in a third; yields who, and the three answers."""
    typed = typed_at_checkout(shop)
    with ThreadPoolExecutor(2) as pool:
        for run in range(runs):
            member = a_member(shop, 700, name=f"boris{run}")
            (basket,) = baskets_of(member, shop, 1)
            use(shop, member, basket, 500)
            buying, going = a_session(member.user, typed), a_session(member.user, typed)
            tabs = pool.submit(at_once, port, [sent(buying), wanted(buying, 300)][: 1 + run % 2])
            time.sleep(later[run % len(later)])
            gone = pool.submit(at_once, port, [a_post(DELETE, {"password": "a good one"}, going)])
            yield member, [*tabs.result(), *gone.result()]


class TestAProfileThatIsDeletedWhileItsOwnerOrders:
    @BOTH
    def test_gives_everybody_an_answer(self, atomic, tell):
        shop, total, runs = a_shop(), Counter(), runs_of(100)
        with a_server(atomic=atomic) as port:
            for member, answers in leave(shop, port, runs=runs):
                assert all(status < 500 for status, _where in answers), answers
                ordered, there = answers[0][1] == THANKS, User.objects.filter(pk=member.user.pk).exists()
                assert Order.objects.filter(number=100_000 + member.baskets[0].pk).exists() or not ordered
                assert not there or answers[-1][1] == DELETE
                total[f"{'ordered' if ordered else 'not ordered'}, {'there' if there else 'gone'}"] += 1
        assert_clean()
        tell(f"profiles deleted while ordering, {'in a request' if atomic else 'plain'}, 0 errors: {dict(total)}")

    @BOTH
    def test_would_meet_errors_without_the_locks(self, atomic, tell):
        shop = a_shop()
        with a_server(atomic=atomic, broken="leaving_unlocked") as port:
            told = (answers for _member, answers in leave(shop, port, runs=MANY))
            first = broken_after(any(status >= 500 for status, _where in one) for one in told)
        assert first
        tell(f"profiles deleted while ordering, the broken twin: an error in round {first}")
