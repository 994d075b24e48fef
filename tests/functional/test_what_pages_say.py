"""
What pages say of a rule is what orders do: each sentence is read from the page "how it works", its numbers are taken
back out of the words, and orders are placed right below, at and above each of them.
"""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award, RuleBudget
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.earning.words import why_rows
from loyalty_oscar.program.models import Member, Segment
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.segments import set_members
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.orders.sync import LOOK_AGAIN, sync_orders
from loyalty_oscar.testing import clock
from tests.integration.exclusives.sales import searching_tables
from tests.storefront import (
    TODAY,
    a_basket,
    a_club_without_rules,
    a_product,
    a_user,
    buy,
    day,
    numbers,
    send_back,
    text_of,
)

Basket = get_model("basket", "Basket")
pytestmark = pytest.mark.django_db
HOW = reverse("loyalty:how-it-works")
BERLIN = ZoneInfo("Europe/Berlin")
PRICE = "5.00"
WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@pytest.fixture
def unit(db):
    """A program without any rule yet."""
    return a_club_without_rules()


@pytest.fixture
def says(unit, client):
    """Save a rule, and return the sentence that customers read of it on 6 May 2026."""

    def saved(type, params, *conditions):
        narrowed = [{"code": code, "params": told} for code, told in conditions]
        told = {"code": "tried", "name": "Tried", "type": type, "params": params, "narrowed": narrowed}
        save_rule(unit=unit, actor="system", at=day(1, 1), **told)
        with clock.at(TODAY):
            text = text_of(client.get(HOW)).replace(" .", ".").replace(" ,", ",")
        # Nothing counts now where only what comes is told.
        told = text.partition("What an order brings")[2] or "".join(text.partition("What comes")[1:])
        return told.partition(" What counts is")[0].strip()

    return saved


@pytest.fixture
def brings():
    """What an order brings: of so many pieces of a product at a price, placed at a moment by somebody."""
    user = a_user()

    def points(pieces=1, *, price=PRICE, at=TODAY, by=None, also=()):
        order = buy(by or user, (a_product(price=price), pieces), *((a_product(), n) for n in also), on=at)
        award = Award.objects.filter(source_id=order.pk).first()
        return award.points if award else 0

    return points


def found(pattern, sentence):
    match = re.search(pattern, sentence)
    assert match, sentence
    return match.groups()


def why(award):
    """The rows of a why, with plain spaces."""
    rows = why_rows(because=award.because, unit=award.unit)
    return [(row.text.replace("\xa0", " "), row.value.replace("\xa0", " ")) for row in rows]


def in_berlin(*at):
    return datetime(*at, tzinfo=BERLIN)


PER_ORDER = ("per-order", {"points": 50})


class TestPieces:
    @pytest.mark.parametrize("least", [2, 3, 7])
    def test_of_an_order(self, says, brings, least):
        said = says(*PER_ORDER, ("order-pieces", {"pieces": least}))
        points, number = map(int, found(r"(\d+) paws for each order, if it has at least (\d+) paid pieces\.", said))
        assert [brings(pieces) for pieces in (number - 1, number, number + 1)] == [0, points, points]

    def test_of_one_product(self, says, brings):
        said = says("per-unit", {"points": 4}, ("line-pieces", {"pieces": 3}))
        pattern = r"(\d+) paws for each piece, on everything, from (\d+) pieces of one product on\."
        points, number = map(int, found(pattern, said))
        orders = [brings(pieces, also=[1]) for pieces in (number - 1, number, number + 1)]
        assert orders == [0, points * number, points * (number + 1)]

    @pytest.mark.parametrize("every", [2, 3, 10])
    def test_of_every_round(self, says, brings, every):
        said = says("every-nth", {"points": 10, "pieces": every})
        points, number = map(int, found(r"(\d+) paws for every (\d+) pieces in one order, on everything\.", said))
        orders = [brings(pieces) for pieces in (number - 1, number, number + 1, 2 * number - 1, 2 * number)]
        assert orders == [0, points, points, points, 2 * points]


class TestWhatStays:
    """After an order, the pieces that are there decide."""

    @pytest.fixture
    def order(self, says):
        says("every-nth", {"points": 10, "pieces": 3})
        return buy(a_user(), (a_product(price=PRICE), 6), on=TODAY)

    def test_is_counted_anew_after_each_return(self, order):
        award = Award.objects.get(source_id=order.pk)
        given = []
        for piece in range(6):
            send_back(order, 1, on=day(5, 7 + piece))
            award.refresh_from_db()
            given.append(award.given)
        assert given == [10, 10, 10, 0, 0, 0]

    @pytest.mark.parametrize(("late", "points"), [(2, 20), (3, 30)])
    def test_grows_with_what_comes_late(self, order, late, points):
        line = order.lines.get()
        line.pk, line.product, line.title, line.quantity = None, a_product("Bed"), "Bed", late
        line.save(force_insert=True)
        for at in (day(5, 7), day(5, 8)):
            OrderSync.objects.filter(order_id=order.pk).update(fingerprint=LOOK_AGAIN)
            sync_orders(order_ids=[order.pk], at=at)
        award = Award.objects.get(source_id=order.pk)
        assert (award.points, award.given) == (points, points)


class TestAMost:
    @pytest.mark.parametrize(
        ("type", "params", "piece"), [("per-unit", {"points": 4}, 4), ("every-nth", {"points": 8, "pieces": 2}, 4)]
    )
    def test_of_one_order(self, says, brings, type, params, piece):
        said = says(type, params, ("cap-per-order", {"points": 40}))
        most = int(found(r"on everything, at most (\d+) paws an order\.", said)[0])
        pieces = most // piece
        orders = [brings(number) for number in (pieces - 2, pieces, pieces + 1, 3 * pieces)]
        assert orders == [most - 2 * piece, most, most, most]


class TestMoney:
    def test_of_the_order(self, says, brings):
        said = says(*PER_ORDER, ("minimum-spend", {"currency": "EUR", "minimum_minor": 2000}))
        points, least = found(r"(\d+) paws for each order, if it comes to at least €(\d+)\.00\.", said)
        below, above = f"{int(least) - 1}.99", f"{least}.01"
        assert [brings(price=price) for price in (below, least, above)] == [0, int(points), int(points)]


class TestTimes:
    def test_of_the_day(self, says, brings):
        said = says(*PER_ORDER, ("hours", {"start": "18:00", "end": "22:00"}))
        told = found(r"(\d+) paws for each order, ordered from (\d+):(\d+) on and before (\d+):(\d+)\.", said)
        points, hour, minute, until, last = map(int, told)
        start, end = in_berlin(2026, 5, 6, hour, minute), in_berlin(2026, 5, 6, until, last)
        second = timedelta(seconds=1)
        moments = (start - second, start, start + second, end - second, end, end + second)
        assert [brings(at=at) for at in moments] == [0, points, points, points, 0, 0]

    @pytest.mark.parametrize("days", [[1], [1, 2], [2, 4, 7], [1, 2, 3, 4, 5]])
    def test_of_the_week(self, says, brings, days):
        said = says(*PER_ORDER, ("weekdays", {"days": days}))
        points, told = found(r"(\d+) paws for each order, on a ([A-Za-z, ]+)\.", said)
        named = {WEEKDAYS.index(name) for name in re.split(r", | or ", told)}
        # Each midnight of the week in which the clocks go back.
        for midnight in (in_berlin(2026, 3, 23 + number) for number in range(7)):
            for at in (midnight - timedelta(seconds=1), midnight):
                assert brings(at=at) == (int(points) if at.weekday() in named else 0)

    def test_of_the_weekend(self, says, brings):
        said = says(*PER_ORDER, ("weekdays", {"days": [6, 7]}))
        assert said == "50 paws for each order, at weekends (Saturday and Sunday)."
        saturday, monday = in_berlin(2026, 3, 28), in_berlin(2026, 3, 30)
        moments = (saturday - timedelta(seconds=1), saturday, monday - timedelta(seconds=1), monday)
        assert [brings(at=at) for at in moments] == [0, 50, 50, 0]

    def test_from_a_day_to_a_day(self, says, brings):
        said = says(*PER_ORDER, ("dates", {"first": "2026-05-05", "last": "2026-05-07"}))
        points, *days = found(r"(\d+) paws for each order, from (\d+ May 2026) to (\d+ May 2026)\.", said)
        first, last = (datetime.strptime(told, "%d %B %Y").replace(tzinfo=BERLIN) for told in days)
        second, over = timedelta(seconds=1), last + timedelta(days=1)
        orders = [brings(at=at) for at in (first - second, first, over - second, over)]
        assert orders == [0, int(points), int(points), 0]

    def test_that_are_over_are_not_told_and_those_that_come_stand_apart(self, says, unit):
        save_rule(
            unit=unit, code="coming", name="Coming", type="per-order", params={"points": 7},
            narrowed=[{"code": "dates", "params": {"first": "2026-05-07"}}], actor="system", at=day(1, 1),
        )  # fmt: skip
        said = says(*PER_ORDER, ("dates", {"last": "2026-05-05"}))
        assert said == "What comes 7 paws for each order, from 7 May 2026."


class TestWhatIsPlanned:
    def test_comes_with_its_day_and_not_a_minute_before(self, says, brings, unit, client):
        says(*PER_ORDER)
        told = {"code": "tried", "name": "Tried", "type": "per-order", "params": {"points": 80}}
        midnight = in_berlin(2026, 5, 10)
        save_rule(unit=unit, actor="system", at=TODAY, starts_at=midnight, **told)
        forget_cache()
        with clock.at(TODAY):
            text = text_of(client.get(HOW))
        coming = text.partition("What comes")[2]
        assert found(r"From (.*?): (\d+) paws for each order", coming) == ("10 May 2026", "80")
        assert "50 paws for each order" in text.partition("What comes")[0]
        before = midnight - timedelta(minutes=1)
        assert [brings(), brings(at=before), brings(at=midnight)] == [50, 50, 80]

    def test_of_a_rule_that_is_new_brings_nothing_before(self, unit, brings, client):
        told = {"code": "tried", "name": "Tried", "type": "per-order", "params": {"points": 80}}
        midnight = in_berlin(2026, 5, 10)
        save_rule(unit=unit, actor="system", at=TODAY, starts_at=midnight, **told)
        forget_cache()
        with clock.at(TODAY):
            text = text_of(client.get(HOW))
        assert "What an order brings" not in text
        assert "From 10 May 2026: 80 paws for each order" in text
        assert [brings(), brings(at=midnight)] == [0, 80]


class TestAList:
    def test_is_meant_by_its_name_from_when_somebody_is_on_it_until_not_any_more(self, says, brings, unit):
        segment = Segment.objects.create(program=unit.program, code="breeders", name="Breeders")
        brings(at=day(4, 1))
        member, other = Member.objects.get(), a_user("other@example.com")
        on, off = day(5, 2), day(5, 4)
        set_members(segment=segment, member_ids=[member.pk], at=on)
        set_members(segment=segment, member_ids=[], at=off)
        said = says(*PER_ORDER, ("segment", {"segment": segment.pk}))
        points, name = found(r"(\d+) paws for each order, for members in the group “(\w+)”\.", said)
        assert Segment.objects.get(name=name) == segment
        second = timedelta(seconds=1)
        moments = (on - second, on, on + second, off - second, off)
        assert [brings(at=at) for at in moments] == [0, int(points), int(points), int(points), 0]
        assert brings(at=on, by=other) == 0


class TestAQuote:
    """What is promised before the order is what comes."""

    def test_of_a_product_leaves_out_what_an_order_brings_once(self, says, client):
        says(*PER_ORDER)
        product = a_product()
        with clock.at(TODAY):
            assert "Earn 50" not in text_of(client.get(product.get_absolute_url()))

    @pytest.mark.parametrize("pieces", [2, 3, 4])
    @pytest.mark.parametrize(
        ("type", "params", "conditions"),
        [
            (*PER_ORDER, [("order-pieces", {"pieces": 3})]),
            ("per-unit", {"points": 4}, [("line-pieces", {"pieces": 3})]),
            ("every-nth", {"points": 10, "pieces": 2}, [("weekdays", {"days": [3]})]),
            ("per-unit", {"points": 4}, [("hours", {"end": "12:00"})]),
        ],
    )
    def test_of_a_basket_is_what_the_order_brings(self, says, brings, client, type, params, conditions, pieces):
        says(type, params, *conditions)
        user = a_user("other@example.com")
        with clock.at(TODAY):
            client.force_login(user)
            a_basket(user, (a_product(price=PRICE), pieces))
            promised = numbers(client.get(reverse("basket:summary")), "earn")
        assert (promised or [0]) == [brings(pieces, by=user)]


class TestABudget:
    """Points that a rule gives all members together."""

    @pytest.mark.parametrize(
        ("type", "params", "piece"), [("per-unit", {"points": 4}, 4), ("every-nth", {"points": 8, "pieces": 2}, 4)]
    )
    def test_is_given_to_the_last_point_and_no_further(self, says, brings, type, params, piece):
        said = says(type, params, ("budget", {"points": 42}))
        most, left = map(int, found(r"at most (\d+) paws for all members together\. .*: (\d+) paws\.", said))
        assert (most, left) == (42, 42)
        others = [a_user(f"m{number}@example.com") for number in range(4)]
        pieces = (most - 2) // piece - 2
        orders = [brings(pieces, by=others[0]), brings(2, by=others[1]), brings(2, by=others[2]), brings(by=others[3])]
        assert orders == [most - 2 - 2 * piece, 2 * piece, 2, 0]

    def test_is_told_with_what_is_left(self, says, brings):
        budget = ("budget", {"points": 120})
        told = []
        for _order in range(4):
            told.append(says(*PER_ORDER, budget).rpartition("together. ")[2])
            brings()
        left = [f"Still to be given: {points} paws." for points in (120, 70, 20)]
        assert told == [*left, "All of it has been given."]

    def test_that_is_spent_is_why_an_order_brings_none(self, says, brings):
        says(*PER_ORDER, ("budget", {"points": 50}))
        assert [brings(), brings()] == [50, 0]
        award = Award.objects.latest("pk")
        assert award.because == {"c": "budget_spent", "p": {"rule": "Tried"}}
        assert why(award) == [("Tried: not more, for all of it is given", "")]

    def test_of_which_a_part_is_left_is_told_beside_what_an_order_brings(self, says, brings):
        says(*PER_ORDER, ("budget", {"points": 70}))
        assert [brings(), brings()] == [50, 20]
        award = Award.objects.latest("pk")
        assert why(award)[1:] == [
            ("Tried", "20.00"),
            ("Tried: not more, for all of it is given", ""),
            ("Rounded down", "20 paws"),
        ]

    def test_of_a_multiplier_counts_what_it_adds(self, says, brings, unit):
        when = {"unit": unit, "actor": "system", "at": day(1, 1)}
        save_rule(code="base", name="Base", type="per-amount", **when, params=ONE_EACH)
        says("multiplier", {"percent": 250}, ("budget", {"points": 20}))
        # 5.00 brings 5, and 7.5 more: 12 in all, of which 7 are the multiplier's.
        assert [brings() for _order in range(4)] == [12, 12, 11, 5]
        assert RuleBudget.objects.get().taken == 20


ONE_EACH = {"currency": "EUR", "points": 1, "step_minor": 100}


class TestAMostOfAMember:
    def test_of_a_day_ends_with_the_day_of_the_program(self, says, brings):
        said = says("per-unit", {"points": 4}, ("cap-per-day", {"points": 10}))
        most = int(found(r"on everything, at most (\d+) paws a day for each member\.", said)[0])
        late, midnight = in_berlin(2026, 5, 6, 23, 59), in_berlin(2026, 5, 7, 0, 0)
        orders = [brings(at=TODAY), brings(at=late), brings(at=late), brings(at=late), brings(3, at=midnight)]
        assert orders == [4, 4, most - 8, 0, most]

    def test_of_a_day_is_as_long_as_the_day_in_both_clock_changes(self, says, brings):
        says("per-unit", {"points": 4}, ("cap-per-day", {"points": 10}))
        for month, number in ((3, 29), (10, 25)):
            hours = [in_berlin(2026, month, number, hour, 30) for hour in (0, 23)]
            after = in_berlin(2026, month, number, 23, 59) + timedelta(minutes=1)
            assert [*(brings(2, at=at) for at in hours), brings(2, at=after)] == [8, 2, 8]

    def test_of_a_month_ends_with_the_month(self, says, brings):
        said = says("per-unit", {"points": 4}, ("cap-per-month", {"points": 10}))
        most = int(found(r"on everything, at most (\d+) paws a calendar month for each member\.", said)[0])
        last, first = in_berlin(2026, 5, 31, 23, 59), in_berlin(2026, 6, 1, 0, 0)
        assert [brings(2, at=TODAY), brings(at=last), brings(at=last), brings(3, at=first)] == [8, most - 8, 0, most]

    def test_in_all_never_ends_and_is_each_members_own(self, says, brings):
        said = says("per-unit", {"points": 4}, ("cap-per-member", {"points": 10}))
        most = int(found(r"on everything, at most (\d+) paws in all for each member\.", said)[0])
        rex = a_user("rex@example.com")
        orders = [brings(2), brings(at=day(12, 24)), brings(at=day(12, 25)), brings(3, by=rex)]
        assert orders == [8, most - 8, 0, most]

    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("cap-per-day", "a day brings at most 4 paws"),
            ("cap-per-month", "a calendar month brings at most 4 paws"),
            ("cap-per-member", "it brings each member at most 4 paws"),
        ],
    )
    def test_is_why_an_order_brings_none(self, says, brings, code, words):
        says("per-unit", {"points": 4}, (code, {"points": 4}))
        assert [brings(), brings()] == [4, 0]
        award = Award.objects.latest("pk")
        assert why(award) == [(f"Tried: not more, for {words}", "")]

    def test_and_of_all_together_leave_the_least(self, says, brings):
        says("per-unit", {"points": 4}, ("cap-per-day", {"points": 10}), ("budget", {"points": 13}))
        assert [brings(5), brings(5, by=a_user("rex@example.com"))] == [10, 3]


class TestAQuoteOfWhatIsCounted:
    @pytest.mark.parametrize("code", ["budget", "cap-per-day", "cap-per-month", "cap-per-member"])
    def test_is_what_the_order_brings(self, says, brings, client, code):
        says("per-unit", {"points": 4}, (code, {"points": 10}))
        user = a_user("lola@example.com")
        client.force_login(user)
        product = a_product()
        told, given = [], []
        for _order in range(3):
            a_basket(user, (product, 2))
            with clock.at(TODAY):
                told += numbers(client.get(reverse("basket:summary")), "earn") or [0]
            Basket.objects.filter(owner=user, status="Open").delete()
            given.append(brings(2, by=user))
        assert (told, given) == ([8, 2, 0], [8, 2, 0])

    @pytest.mark.parametrize("code", ["budget", "cap-per-day", "cap-per-month", "cap-per-member"])
    def test_is_on_a_product_and_its_card_what_is_left_to_that_visitor(self, says, brings, client, code):
        says("per-unit", {"points": 4}, (code, {"points": 10}))
        lola, rex = a_user("lola@example.com"), a_user("rex@example.com")
        product = a_product()
        shown = {lola: [], rex: [], None: []}
        for pieces in (2, 1, 0):
            for user, told in shown.items():
                client.logout() if user is None else client.force_login(user)
                with clock.at(TODAY), searching_tables():
                    pages = [text_of(client.get(page)) for page in (product.get_absolute_url(), "/catalogue/")]
                said = [re.findall(r"Earn (\d+) paws", page) for page in pages]
                assert set(said[0]) == set(said[1])
                told += [int(number) for number in said[0]] or [0]
            if pieces:
                brings(pieces, by=lola)
        others = [4, 2, 0] if code == "budget" else [4, 4, 4]
        assert list(shown.values()) == [[4, 2, 0], others, others]
