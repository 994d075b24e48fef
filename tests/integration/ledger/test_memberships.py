"""A person's membership and the account with it, in one query."""

import pytest

from loyalty_oscar.ledger.operations import open_account
from loyalty_oscar.ledger.queries import membership_of_user
from loyalty_oscar.program.operations import join
from tests.storefront import a_user, day

pytestmark = pytest.mark.django_db


class TestAMembership:
    def test_comes_with_its_account(self, unit, django_assert_num_queries):
        user = a_user()
        made = open_account(member=join(program=unit.program, user_id=user.pk, at=day(1, 2)), unit=unit)

        with django_assert_num_queries(1):
            member, account = membership_of_user(user_id=user.pk, unit=unit)
            assert (account, account.member) == (made, member)

    def test_is_there_before_the_account_is(self, unit):
        user = a_user()
        made = join(program=unit.program, user_id=user.pk, at=day(1, 2))

        assert membership_of_user(user_id=user.pk, unit=unit) == (made, None)

    def test_is_nobodys_who_did_not_join(self, unit):
        assert membership_of_user(user_id=a_user().pk, unit=unit) == (None, None)
