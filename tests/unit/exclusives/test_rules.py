"""Who is admitted to a sale at a moment, to the second, by table."""

from datetime import UTC, datetime, timedelta

import pytest

from loyalty_oscar.exclusives.rules import (
    DoorTerms,
    SaleTerms,
    Who,
    admission,
    best_sale,
    clashes,
    closed_by,
    is_hidden,
    is_over,
    is_public,
)

GOLD, PUBLIC, END = (datetime(2026, 5, day, tzinfo=UTC) for day in (9, 11, 17))
SECOND = timedelta(seconds=1)
STRANGER, MEMBER, SILVER, GOLDEN = Who(), Who(is_member=True), *(Who(is_member=True, rank=rank) for rank in (2, 3))
INVITED = Who(is_member=True, segments=frozenset({7}))
DOOR = DoorTerms(seen_from=GOLD - timedelta(days=3), buys_from=GOLD, rank=3)


def a_sale(**fields):
    return SaleTerms(**{"id": 1, "doors": (DOOR,), "public_from": PUBLIC, "ends_at": END, "percent": 20, **fields})


class TestAdmissionToASale:
    @pytest.mark.parametrize(
        ("who", "at", "buys"),
        [
            (GOLDEN, GOLD - SECOND, False),
            (GOLDEN, GOLD, True),
            (SILVER, GOLD, False),
            (MEMBER, GOLD, False),
            (STRANGER, GOLD, False),
            (INVITED, GOLD, False),
            (SILVER, PUBLIC - SECOND, False),
            (SILVER, PUBLIC, True),
            (STRANGER, PUBLIC, True),
            (GOLDEN, END - SECOND, True),
            (GOLDEN, END, False),
            (STRANGER, END, False),
        ],
    )
    def test_begins_with_its_second_and_ends_before_it(self, who, at, buys):
        assert admission(sale=a_sale(), who=who, at=at).buys is buys

    def test_of_a_list_is_for_those_on_it_whatever_their_level(self):
        sale = a_sale(doors=(DoorTerms(seen_from=GOLD, buys_from=GOLD, segment_id=7),))
        assert admission(sale=sale, who=INVITED, at=GOLD).buys
        assert not admission(sale=sale, who=GOLDEN, at=GOLD).buys

    def test_by_rank_nought_is_for_every_member_and_no_stranger(self):
        sale = a_sale(doors=(DoorTerms(seen_from=GOLD, buys_from=GOLD),))
        assert admission(sale=sale, who=MEMBER, at=GOLD).buys
        assert not admission(sale=sale, who=STRANGER, at=GOLD).buys

    def test_takes_the_first_of_several_doors(self):
        sale = a_sale(doors=(DOOR, DoorTerms(seen_from=GOLD, buys_from=GOLD + SECOND, rank=2)))
        assert admission(sale=sale, who=GOLDEN, at=GOLD).opens_at == GOLD
        assert admission(sale=sale, who=SILVER, at=GOLD).opens_at == GOLD + SECOND

    def test_never_comes_for_strangers_where_nothing_is_public(self):
        sale = a_sale(public_from=None)
        assert admission(sale=sale, who=STRANGER, at=END - SECOND).opens_at is None
        assert not is_public(sale=sale, at=END)

    @pytest.mark.parametrize(
        ("who", "at", "sees"),
        [
            (GOLDEN, DOOR.seen_from - SECOND, False),
            (GOLDEN, DOOR.seen_from, True),
            (SILVER, DOOR.seen_from, False),
            (SILVER, PUBLIC, True),
        ],
    )
    def test_to_a_hidden_one_says_who_sees_it(self, who, at, sees):
        assert admission(sale=a_sale(is_hidden=True), who=who, at=at).sees is sees


class TestAProductInSales:
    def test_is_closed_until_a_door_opens(self):
        assert closed_by(sales=[a_sale()], who=SILVER, at=GOLD) == a_sale()
        assert closed_by(sales=[a_sale()], who=GOLDEN, at=GOLD) is None

    def test_is_closed_by_none_that_is_public_or_over(self):
        assert closed_by(sales=[a_sale()], who=STRANGER, at=PUBLIC) is None
        assert closed_by(sales=[a_sale(public_from=None)], who=STRANGER, at=END) is None
        assert is_over(sale=a_sale(), at=END)

    def test_needs_one_open_door_of_many(self):
        other = a_sale(id=2, doors=(DoorTerms(seen_from=GOLD, buys_from=GOLD, rank=2),))
        assert closed_by(sales=[a_sale(), other], who=SILVER, at=GOLD) is None

    def test_stays_closed_though_another_sale_is_public(self):
        everybodys = a_sale(id=2, doors=(), public_from=GOLD)
        assert closed_by(sales=[everybodys, a_sale()], who=SILVER, at=GOLD) == a_sale()

    def test_names_the_sale_that_opens_first(self):
        never, late = a_sale(id=1, public_from=None), a_sale(id=2)
        assert closed_by(sales=[never, late], who=STRANGER, at=GOLD) == late

    def test_has_the_price_of_the_best_open_sale_only(self):
        better = a_sale(id=2, percent=30, doors=(DoorTerms(seen_from=GOLD, buys_from=GOLD + SECOND, rank=3),))
        assert best_sale(sales=[a_sale(), better], who=GOLDEN, at=GOLD) == a_sale()
        assert best_sale(sales=[a_sale(), better], who=GOLDEN, at=GOLD + SECOND) == better
        assert best_sale(sales=[a_sale(), better], who=SILVER, at=GOLD) is None
        assert best_sale(sales=[a_sale(percent=0)], who=GOLDEN, at=GOLD) is None


class TestAProductOfAHiddenSale:
    @pytest.mark.parametrize(
        ("who", "at", "hidden"),
        [
            (STRANGER, GOLD, True),
            (SILVER, PUBLIC - SECOND, True),
            (GOLDEN, GOLD - timedelta(days=4), True),
            (GOLDEN, GOLD - timedelta(days=3), False),
            (STRANGER, PUBLIC, False),
        ],
    )
    def test_is_hidden_from_those_who_may_not_see_it_yet(self, who, at, hidden):
        assert is_hidden(sales=[a_sale(is_hidden=True)], who=who, at=at) is hidden

    def test_is_nobodys_secret_once_it_is_over(self):
        assert not is_hidden(sales=[a_sale(is_hidden=True, public_from=None)], who=STRANGER, at=END)

    def test_is_hidden_though_another_sale_shows_it(self):
        assert is_hidden(sales=[a_sale(is_hidden=True), a_sale(id=2)], who=STRANGER, at=GOLD)

    def test_is_shown_where_another_door_is_open(self):
        other = a_sale(id=2, doors=(DoorTerms(seen_from=GOLD, buys_from=GOLD),))
        assert not is_hidden(sales=[a_sale(is_hidden=True), other], who=MEMBER, at=GOLD)
        assert is_hidden(sales=[a_sale(is_hidden=True), other], who=STRANGER, at=GOLD)


class TestTwoSalesOfOneProduct:
    @pytest.mark.parametrize(
        ("fields", "found"),
        [
            ({}, []),
            ({"is_hidden": True}, ["modes"]),
            ({"public_from": PUBLIC + SECOND}, ["public"]),
            ({"public_from": None}, ["public"]),
            ({"doors": (DoorTerms(seen_from=GOLD, buys_from=GOLD + SECOND, rank=3),)}, ["door"]),
            ({"doors": (DoorTerms(seen_from=GOLD, buys_from=GOLD, segment_id=7),)}, ["door"]),
            ({"doors": ()}, ["door"]),
            ({"doors": (DoorTerms(seen_from=GOLD, buys_from=GOLD, rank=0),)}, []),
            ({"is_hidden": True, "ends_at": GOLD - SECOND}, []),
            ({"ends_at": GOLD, "public_from": None, "doors": ()}, []),
        ],
    )
    def test_contradict_each_other_where_one_opens_what_the_other_keeps_closed(self, fields, found):
        at = GOLD - timedelta(days=1) if fields.get("ends_at") != GOLD - SECOND else GOLD
        assert clashes(one=a_sale(), other=a_sale(id=2, **fields), at=at) == found

    def test_are_left_alone_once_the_other_is_open_or_over(self):
        other = a_sale(id=2, is_hidden=True, doors=())
        assert clashes(one=a_sale(), other=other, at=PUBLIC - SECOND) != []
        assert clashes(one=a_sale(), other=other, at=PUBLIC) == []
        assert clashes(one=a_sale(ends_at=PUBLIC - SECOND, public_from=None), other=other, at=PUBLIC - SECOND) == []


class TestADoorForALevelAndASegment:
    door = DoorTerms(seen_from=GOLD, buys_from=GOLD, rank=2, segment_id=7)

    @pytest.mark.parametrize(
        ("rank", "segments", "is_for"), [(2, {7}, True), (3, {7, 8}, True), (1, {7}, False), (2, {8}, False)]
    )
    def test_is_for_those_of_whom_both_hold(self, rank, segments, is_for):
        assert self.door.is_for(Who(is_member=True, rank=rank, segments=frozenset(segments))) is is_for
