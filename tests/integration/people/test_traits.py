"""What segments ask of members: each trait at its boundaries, and what it costs."""

import math
from datetime import UTC, datetime, timedelta

import pytest
from django import forms
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty_oscar.people.models import Receipt
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.people.queries import quintiles
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.registries import traits
from loyalty_oscar.testing.factories import MemberFactory, ProgramFactory
from tests.storefront import TODAY, a_club, day

from .bought import a_receipt, counted, who_bought

pytestmark = pytest.mark.django_db
OURS = ("orders", "spend", "last", "basket", "biggest", "late", "cell", "birthday", "joined")
EVERYBODY = {"after": 0, "last": 10**9}
DAY = timedelta(days=1)
ROW_OF_TWO = "fifth 1 by how lately they bought, fifth 5 by how often they bought"


@pytest.fixture
def program():
    return a_club().program


def holders(code, program, at=TODAY, **params):
    return set(traits.get(code).holders(program_id=program.pk, params=params, at=at, **EVERYBODY))


def says(code, program, **params):
    return traits.get(code).says(params=params, program_id=program.pk)


def ago(days, seconds=0):
    return TODAY - timedelta(days=days, seconds=seconds)


@pytest.fixture
def three(program):
    """Members with no order, one of 10.00, and three of 30.00 within the last year and one of 100.00 before."""
    none = MemberFactory(program=program, joined_at=ago(10))
    one = who_bought(program, ago(20))
    many = who_bought(program, ago(30), ago(60), ago(90), minor=3000)
    a_receipt(many, ago(500), 10000)
    return [none.pk, one.pk, many.pk]


class TestOrders:
    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"least": 1}, [1, 2]), ({"least": 4}, [2]), ({"least": 5}, []), ({"most": 0}, [0]), ({"most": 3}, [0, 1]),
            ({"most": 4}, [0, 1, 2]), ({"least": 1, "most": 3}, [1]), ({}, [0, 1, 2]), ({"least": 0}, [0, 1, 2]),
            ({"least": 4, "days": 365}, []), ({"least": 3, "days": 365}, [2]), ({"most": 0, "days": 19}, [0, 1, 2]),
            ({"most": 0, "days": 21}, [0, 2]),
        ],
    )  # fmt: skip
    def test_are_counted(self, program, three, params, found):
        assert holders("orders", program, **params) == {three[n] for n in found}

    def test_of_days_begin_so_many_times_24_hours_ago(self, program):
        just, before = who_bought(program, ago(30) + timedelta(seconds=1)), who_bought(program, ago(30))
        assert holders("orders", program, least=1, days=30) == {just.pk}
        assert holders("orders", program, least=1) == {just.pk, before.pk}

    def test_that_came_to_nothing_or_come_later_count_not(self, program):
        gone, later = who_bought(program, ago(3), is_gone=True), who_bought(program, TODAY + DAY)
        assert holders("orders", program, least=1) == set()
        assert holders("orders", program, most=0) == {gone.pk, later.pk}

    def test_in_another_currency_count(self, program):
        member = who_bought(program, ago(3), currency="USD")
        assert holders("orders", program, least=1) == {member.pk}


class TestMoney:
    @pytest.mark.parametrize(
        ("code", "params", "found"),
        [
            ("spend", {"least": 1000}, [1, 2]), ("spend", {"least": 1001}, [2]), ("spend", {"least": 19000}, [2]),
            ("spend", {"least": 19001}, []), ("spend", {"most": 1000}, [0, 1]), ("spend", {"most": 999}, [0]),
            ("spend", {"least": 9000, "days": 365, "most": 9000}, [2]), ("spend", {"most": 0}, [0]),
            ("basket", {"least": 1000}, [1, 2]), ("basket", {"least": 4750, "most": 4750}, [2]),
            ("basket", {"least": 4751}, []), ("basket", {"most": 1000}, [1]), ("basket", {}, [1, 2]),
            ("basket", {"most": 3000, "days": 365}, [1, 2]), ("biggest", {"least": 10000}, [2]),
            ("biggest", {"least": 10001}, []), ("biggest", {"most": 3000, "days": 365}, [1, 2]),
            ("biggest", {"most": 1000}, [1]), ("biggest", {"least": 0}, [1, 2]),
        ],
    )  # fmt: skip
    def test_is_what_was_paid(self, program, three, code, params, found):
        assert holders(code, program, **params) == {three[n] for n in found}

    def test_in_another_currency_counts_not(self, program):
        member = who_bought(program, ago(3), currency="USD")
        assert holders("spend", program, most=0) == {member.pk}
        assert [holders(code, program, least=0) for code in ("basket", "biggest")] == [set(), set()]

    def test_is_typed_in_the_currency_of_the_program(self, program):
        yen = ProgramFactory(code="yen", name="Yen", is_default=False, currency="JPY")
        for code in ("spend", "basket", "biggest"):
            field = traits.get(code).fields(program_id=yen.pk)["least"]
            assert field.clean("1500") == 1500
            with pytest.raises(forms.ValidationError):
                field.clean("15.50")
            assert traits.get(code).fields(program_id=program.pk)["least"].clean("15.50") == 1550


class TestTheLastOrder:
    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"least": 20}, [1, 2]), ({"least": 21}, [2]), ({"least": 31}, []), ({"most": 20}, [1]), ({"most": 19}, []),
            ({"least": 30, "most": 30}, [2]), ({}, [1, 2]),
        ],
    )  # fmt: skip
    def test_was_so_many_days_ago(self, program, three, params, found):
        assert holders("last", program, **params) == {three[n] for n in found}

    def test_of_a_begun_day_is_of_the_day_before(self, program):
        member = who_bought(program, ago(20, seconds=86399))
        assert holders("last", program, least=20, most=20) == {member.pk}
        assert holders("last", program, at=TODAY + timedelta(seconds=1), most=20) == set()


class TestJoining:
    @pytest.mark.parametrize(
        ("params", "is_in"), [({"least": 10}, 1), ({"least": 11}, 0), ({"most": 10}, 1), ({"most": 9}, 0), ({}, 1)]
    )
    def test_was_so_many_days_ago(self, program, params, is_in):
        member = MemberFactory(program=program, joined_at=ago(10))
        assert holders("joined", program, **params) == ({member.pk} if is_in else set())

    def test_is_of_nobody_who_left_or_is_somebody_else_now(self, program):
        gone, merged, there = (MemberFactory(program=program, joined_at=ago(10)) for _n in range(3))
        Member.objects.filter(pk=gone.pk).update(user=None)
        Member.objects.filter(pk=merged.pk).update(merged_into=there)
        for code, params in (("joined", {}), ("orders", {"most": 0}), ("spend", {"most": 0})):
            assert holders(code, program, **params) == {there.pk}


class TestBeingLate:
    def test_begins_on_day_46_with_gaps_of_30_32_and_28_days(self, program):
        days = [day(1, 1), day(1, 31), day(3, 4), day(4, 1)]
        member = who_bought(program, *days)
        counted(day(4, 2))
        assert member.buyer_stats.gap_days == 30
        late_at = days[-1] + 45 * DAY
        assert holders("late", program, at=late_at - timedelta(seconds=1)) == set()
        assert holders("late", program, at=late_at) == holders("late", program, at=late_at + DAY) == {member.pk}

    def test_ends_with_an_order_and_not_with_the_next_night(self, program):
        member = who_bought(program, *(ago(n) for n in (200, 170, 140)))
        counted(TODAY)
        a_receipt(member, TODAY + DAY, is_gone=True)
        assert holders("late", program, at=TODAY + DAY) == {member.pk}
        a_receipt(member, TODAY + DAY)
        assert holders("late", program, at=TODAY + DAY) == set()

    def test_is_never_of_who_bought_nothing(self, program):
        MemberFactory(program=program, joined_at=ago(900))
        gone = who_bought(program, *(ago(n) for n in (900, 870, 840)))
        Receipt.objects.filter(member=gone).update(is_gone=True)
        counted(TODAY)
        assert holders("late", program) == set()


class TestTheFifths:
    def test_part_the_buyers_and_keep_equals_together(self, program):
        spent = [100] * 6 + [200, 300, 400, 500]
        members = [who_bought(program, ago(100 - 10 * n), minor=minor) for n, minor in enumerate(spent)]
        counted(TODAY)
        fifths = {n: holders("cell", program, recency=[n]) for n in range(1, 6)}
        assert fifths == {n: {one.pk for one in members[2 * n - 2 : 2 * n]} for n in range(1, 6)}
        found = [holders("cell", program, money=[n]) for n in range(1, 6)]
        poor, fair, rich = ({one.pk for one in members[part]} for part in (slice(6), slice(6, 8), slice(8, 10)))
        assert found == [poor, set(), set(), fair, rich]
        assert holders("cell", program, frequency=[1]) == {m.pk for m in members}
        assert holders("cell", program, frequency=[2, 3, 4, 5]) == set()
        assert holders("cell", program, recency=[4, 5], money=[5]) == {m.pk for m in members[8:]}
        assert holders("cell", program) == {m.pk for m in members}

    @pytest.mark.parametrize("number", range(1, 13))
    def test_are_cut_where_a_fifth_of_all_is_full_whoever_comes_while_it_is_asked(
        self, program, number, django_assert_num_queries
    ):
        spent = [minor * 100 for minor in range(1, number + 1)]
        for minor in spent:
            who_bought(program, ago(minor // 100), minor=minor)
        counted(TODAY)
        with django_assert_num_queries(1):
            found = quintiles(program_id=program.pk)
        places = [math.ceil(number * fifth / 5) for fifth in (1, 2, 3, 4)]
        assert found["money"] == ("spend_minor", [spent[place - 1] for place in places])
        assert found["frequency"] == ("orders", [1, 1, 1, 1])

    def test_are_of_the_program_s_own_buyers(self, program):
        other = ProgramFactory(code="other", name="Other", is_default=False)
        rich = who_bought(other, ago(1), minor=10**6)
        poor = who_bought(program, ago(5), minor=1)
        counted(TODAY)
        assert holders("cell", program, money=[1]) == {poor.pk}
        assert holders("cell", other, money=[1]) == {rich.pk}

    def test_are_empty_where_nobody_has_bought(self, program):
        MemberFactory(program=program)
        assert holders("cell", program, money=[1, 2, 3, 4, 5]) == set()


class TestABirthday:
    @pytest.mark.parametrize(
        ("birthday", "today", "days", "is_soon"),
        [
            ((5, 6), datetime(2026, 5, 6, 10, tzinfo=UTC), 0, True),
            ((5, 7), datetime(2026, 5, 6, 10, tzinfo=UTC), 0, False),
            ((5, 7), datetime(2026, 5, 6, 22, 30, tzinfo=UTC), 0, True),  # The 7th in Berlin.
            ((5, 13), datetime(2026, 5, 6, 10, tzinfo=UTC), 7, True),
            ((5, 14), datetime(2026, 5, 6, 10, tzinfo=UTC), 7, False),
            ((5, 5), datetime(2026, 5, 6, 10, tzinfo=UTC), 7, False),
            ((1, 2), datetime(2026, 12, 30, 10, tzinfo=UTC), 3, True),
            ((1, 3), datetime(2026, 12, 30, 10, tzinfo=UTC), 3, False),
            ((12, 31), datetime(2026, 12, 31, 22, tzinfo=UTC), 0, True),
            ((1, 1), datetime(2026, 12, 31, 23, 30, tzinfo=UTC), 0, True),  # It is 2027 in Berlin.
            ((2, 29), datetime(2026, 2, 28, 10, tzinfo=UTC), 0, True),
            ((2, 29), datetime(2026, 2, 21, 10, tzinfo=UTC), 7, True),
            ((2, 29), datetime(2026, 2, 21, 10, tzinfo=UTC), 6, False),
            ((2, 29), datetime(2026, 3, 1, 10, tzinfo=UTC), 0, False),
            ((2, 29), datetime(2028, 2, 28, 10, tzinfo=UTC), 0, False),
            ((2, 29), datetime(2028, 2, 29, 10, tzinfo=UTC), 0, True),
            ((2, 28), datetime(2028, 2, 28, 10, tzinfo=UTC), 0, True),
            ((5, 5), datetime(2026, 5, 6, 10, tzinfo=UTC), 364, True),
        ],
    )
    def test_is_soon(self, program, birthday, today, days, is_soon):
        member, _other = MemberFactory(program=program), MemberFactory(program=program)
        month, number = birthday
        save_birthday(member=member, day=number, month=month, at=TODAY)
        assert holders("birthday", program, at=today, days=days) == ({member.pk} if is_soon else set())


class TestEveryTrait:
    @pytest.mark.parametrize("code", OURS)
    def test_asks_at_most_three_queries_and_answers_for_its_slice_alone(self, program, code):
        days = [ago(200), ago(170), ago(140)]
        members = [who_bought(program, *days) for _n in range(4)]
        for member in members:
            save_birthday(member=member, day=6, month=5, at=TODAY)
        other = ProgramFactory(code="other", name="Other", is_default=False)
        save_birthday(member=who_bought(other, *days), day=6, month=5, at=TODAY)
        counted(TODAY)
        for params in ({}, {"least": 0}, {"most": 9}):
            bounds = {"after": members[0].pk, "last": members[2].pk}
            with CaptureQueriesContext(connection) as queries:
                found = set(traits.get(code).holders(program_id=program.pk, params=params, at=TODAY, **bounds))
            assert len(queries) <= 3
            if "most" not in params or code in ("orders",):
                assert found == {members[1].pk, members[2].pk}

    @pytest.mark.parametrize("code", ["orders", "spend", "basket", "biggest", "last", "joined"])
    @pytest.mark.parametrize(
        ("params", "field"),
        [
            ({"least": 5, "most": 4}, "most"), ({"least": 1, "most": 0}, "most"), ({"least": 5, "most": 5}, None),
            ({"least": None, "most": 0}, None), ({"least": 5, "most": None}, None), ({}, None),
        ],
    )  # fmt: skip
    def test_of_a_number_asks_for_something_that_can_be(self, code, params, field):
        assert list(traits.get(code).wrong(params=params)) == ([field] if field else [])

    @pytest.mark.parametrize("code", OURS)
    def test_has_a_name_fields_and_words(self, program, code):
        trait = traits.get(code)
        assert str(trait.label) and not trait.is_personal
        fields = trait.fields(program_id=program.pk)
        assert all(isinstance(field, forms.Field) and str(field.label) for field in fields.values())
        assert says(code, program)

    @pytest.mark.parametrize(
        ("code", "params", "text"),
        [
            ("orders", {"least": 3, "days": 365}, "at least 3 orders in the last 365 days"),
            ("orders", {"least": 1, "most": None, "days": None}, "at least 1 order"),
            ("orders", {"most": 1, "days": 1}, "at most 1 order in the last 1 day"),
            ("orders", {"least": 2, "most": 5}, "2 to 5 orders"),
            ("orders", {}, "at least 0 orders"),
            ("spend", {"least": 5000, "days": 30}, "spent at least €50.00 in the last 30 days"),
            ("spend", {"most": 5000}, "spent at most €50.00"),
            ("spend", {"least": 0, "most": 5000}, "spent €0.00 to €50.00"),
            ("basket", {"least": 5000}, "at least €50.00 an order on average"),
            ("biggest", {"most": 5000}, "biggest order of at most €50.00"),
            ("last", {"least": 180}, "last order at least 180 days ago"),
            ("last", {"least": 60, "most": 180}, "last order 60 to 180 days ago"),
            ("joined", {"most": 1}, "joined at most 1 day ago"),
            ("late", {}, "misses the next order, going by the usual time between orders"),
            ("cell", {"recency": [4, 5]}, "fifths 4 and 5 by how lately they bought"),
            ("cell", {"recency": [1], "frequency": [5]}, ROW_OF_TWO),
            ("cell", {"money": [1]}, "fifth 1 by how much they spent"),
            ("cell", {}, "any buyer"),
            ("birthday", {"days": 7}, "birthday within the next 7 days"),
            ("birthday", {"days": 0}, "birthday today"),
        ],
    )  # fmt: skip
    def test_says_what_it_asks(self, program, code, params, text):
        assert says(code, program, **params) == text
