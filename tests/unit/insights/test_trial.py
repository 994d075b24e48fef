"""A trial by itself: what it adds up of one customer's orders, in three ways of using, and what it foretells."""

from datetime import UTC, date, datetime, timedelta

import pytest

from loyalty_oscar.insights.trial import Law, Past, Play, UseWay, forecast, months_of, orders_to_reward
from loyalty_oscar.kernel.facts import LineFacts, OrderFacts, Purchase

JANUARY = datetime(2026, 1, 10, tzinfo=UTC)
FIRST, LAST = date(2026, 1, 1), date(2026, 12, 31)


class APointEach:
    """A point for each minor unit that stays paid."""

    def brings(self, *, order, facts):
        return Past(order=order).paid_minor

    keeps = staticmethod(lambda *, order: Past(order=order).paid_minor)


def a_law(**fields):
    told = {
        "currency": "EUR", "hold_days": 14, "runs_out": lambda at: at + timedelta(days=90),
        "moves": False, "is_borne": False, "price": 150, "share": 60, "earner": APointEach,
    }  # fmt: skip
    return Law(**{**told, **fields})


def past(number, paid_minor=100, *, days=0, gone=0, back=None):
    """An order of two pieces, final at once; `gone` of them went back after so many days."""
    at = JANUARY + timedelta(days=days)
    line = LineFacts(line_id=1, quantity=2, paid_minor=paid_minor, gone=gone)
    bought = Purchase(currency="EUR", placed_at=at, lines=(line,))
    order = OrderFacts(
        order_id=number, number=str(number), site_id=1, user_id=1, status="", dead=False, final_at=at, purchase=bought
    )
    return Past(order=order, back_at=at + timedelta(days=back) if back is not None else None)


def tried(*orders, until=datetime(2027, 1, 1, tzinfo=UTC), **law):
    trial = Play(law=a_law(**law), until=until, zone="UTC")
    trial.play(orders=orders)
    return trial.sums


def sums_of(sums, way):
    months = months_of(sums=sums, way=way, first=FIRST, last=LAST)
    told = {name: sum(getattr(month, name) for month in months) for name in ("given", "back", "used", "out")}
    return told | {"owed": months[-1].owed, "debt": months[-1].debt}


class TestTheWaysOfUsing:
    @pytest.mark.parametrize(
        ("way", "used", "out"), [(UseWay.ALL, 100, 0), (UseWay.SHARE, 60, 40), (UseWay.NONE, 0, 100)]
    )
    def test_differ_in_what_is_used_and_what_runs_out(self, way, used, out):
        found = sums_of(tried(past(1)), way)
        assert found == {"given": 100, "back": 0, "used": used, "out": out, "owed": 0, "debt": 0}

    @pytest.mark.parametrize(("back", "debt"), [(10, 0), (14, 50), (20, 50)])
    def test_make_a_debt_of_what_went_back_once_it_was_used(self, back, debt):
        found = sums_of(tried(past(1, gone=1, back=back)), UseWay.ALL)
        assert (found["back"], found["used"], found["debt"]) == (50, 50 + debt, debt)

    def test_make_none_where_the_shop_bears_it(self):
        found = sums_of(tried(past(1, gone=1, back=20), is_borne=True), UseWay.ALL)
        assert (found["back"], found["used"], found["debt"]) == (0, 100, 0)

    def test_let_the_next_order_make_it_up(self):
        found = sums_of(tried(past(1, gone=1, back=20), past(2, days=30)), UseWay.ALL)
        assert (found["given"], found["used"], found["debt"], found["owed"]) == (200, 150, 0, 0)

    @pytest.mark.parametrize(("orders", "used"), [(1, 0), (2, 1), (5, 3), (10, 6)])
    def test_add_up_a_share_of_orders_that_bring_single_points(self, orders, used):
        found = sums_of(tried(*(past(number, 1, days=number) for number in range(1, orders + 1))), UseWay.SHARE)
        assert (found["given"], found["used"]) == (orders, used)


class TestTheEnd:
    def test_leaves_out_what_comes_after_it(self):
        sums = tried(past(1, gone=1, back=40), past(2, days=30), until=JANUARY + timedelta(days=20))
        assert sums_of(sums, UseWay.NONE) == {"given": 100, "back": 0, "used": 0, "out": 0, "owed": 100, "debt": 0}

    def test_goes_on_from_the_sums(self):
        one = tried(past(1))
        both = Play(law=a_law(), until=datetime(2027, 1, 1, tzinfo=UTC), zone="UTC", sums=one.copy())
        both.play(orders=[past(2)])
        assert both.sums == {key: 2 * number for key, number in one.items()}


class TestTheFirstReward:
    def test_is_reached_with_an_order(self):
        assert orders_to_reward(sums=tried(past(1), past(2, days=1), past(3, days=2))) == (1, 2)

    def test_is_not_reached_by_everybody(self):
        assert orders_to_reward(sums=tried(past(1))) == (0, 0)

    def test_is_there_with_the_order_by_which_half_have_it(self):
        assert orders_to_reward(sums={"first 1": 2, "first 3": 1, "first 9": 1}) == (4, 1)
        assert orders_to_reward(sums={"first 1": 1, "first 3": 1, "first 9": 1}) == (3, 3)


class TestAForecast:
    MONTHS = [past(number, days=30 * number) for number in range(5)]

    def test_goes_on_as_the_last_three_months_did_less_what_runs_out(self):
        sums = tried(*self.MONTHS, until=datetime(2026, 6, 1, tzinfo=UTC))
        # Of five times 100 the first two have run out, and all others will within six months.
        assert sums_of(sums, UseWay.NONE)["owed"] == 300
        assert forecast(sums=sums, way=UseWay.NONE, share=60, last=date(2026, 5, 31)) == 300 + 6 * 100 - 300

    @pytest.mark.parametrize(
        ("last", "gone"),
        [
            # Of November 14 or 15 of 30 days; at the end of a month all of it, and nothing of the one that follows.
            (date(2026, 5, 14), 7 + 60 + 30 * 14 // 30),
            (date(2026, 5, 15), 7 + 60 + 30 * 15 // 30),
            (date(2026, 4, 30), 7 + 60),
            (date(2026, 5, 31), 7 + 60 + 30),
        ],
    )
    def test_made_within_a_month_lets_run_out_what_does_by_the_same_day(self, last, gone):
        sums = {f"2026-0{month} {name}": 100 for month in range(1, 6) for name in ("orders", "given")}
        sums |= {"2026-01 none owed": 500, "due none 2026-05": 7, "due none 2026-10": 60, "due none 2026-11": 30}
        assert forecast(sums=sums, way=UseWay.NONE, share=60, last=last) == 500 + 6 * 100 - gone

    def test_is_not_made_of_a_short_time(self):
        assert forecast(sums=tried(past(1)), way=UseWay.NONE, share=60, last=date(2026, 2, 28)) is None
