"""How many points a basket takes: every limit and every reason by table, and what holds for all baskets."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.kernel.rounding import half_up, left_to_pay
from loyalty_oscar.redemption.rules import Limits, Payable, Worth, quote
from tests.amount import many

CENT_A_POINT = Worth(points=1, minor=1, currency="EUR")


def ask(points, *prices, worth=CENT_A_POINT, has_voucher=False, lines=(), grain=1, **limits):
    """A quote over lines of these prices in cents."""
    lines = [Payable(minor=price) for price in prices] + list(lines)
    return quote(points=points, lines=lines, limits=Limits(**limits), worth=worth, has_voucher=has_voucher, grain=grain)


def said(got):
    """The points charged, the cents off, the most that could be, and the reason."""
    return got.points, got.minor, got.most, got.because.code


class TestPoints:
    @pytest.mark.parametrize(
        ("points", "prices", "answer"),
        [
            (500, [2000], (500, 500, 2000, "as_asked")),
            (2000, [2000], (2000, 2000, 2000, "as_asked")),
            (2500, [2000], (2000, 2000, 2000, "all_goods_paid")),
            (317, [1], (1, 1, 1, "all_goods_paid")),
            (0, [2000], (0, 0, 2000, "as_asked")),
        ],
    )
    def test_take_their_worth_off_until_all_goods_are_paid(self, points, prices, answer):
        assert said(ask(points, *prices)) == answer

    @pytest.mark.parametrize(
        ("worth", "points", "price", "answer"),
        [
            ((3, 1), 100, 5000, (99, 33, 15000, "whole_cents")),
            ((3, 1), 2, 5000, (0, 0, 15000, "whole_cents")),
            ((3, 1), 99999, 5000, (15000, 5000, 15000, "all_goods_paid")),
            ((1, 5), 60, 303, (60, 300, 61, "as_asked")),
            ((1, 5), 61, 303, (61, 303, 61, "as_asked")),
            ((1, 5), 62, 303, (61, 303, 61, "all_goods_paid")),
            ((100, 100), 317, 5000, (317, 317, 5000, "as_asked")),
            ((250, 100), 4, 5000, (3, 1, 12500, "whole_cents")),
            ((7, 3), 100, 5000, (98, 42, 11667, "whole_cents")),
        ],
    )
    def test_are_charged_only_for_whole_cents(self, worth, points, price, answer):
        assert said(ask(points, price, worth=Worth(points=worth[0], minor=worth[1], currency="EUR"))) == answer

    def test_buy_whole_yen_where_there_is_no_smaller_coin(self):
        yen = Worth(points=100, minor=150, currency="JPY")
        got = ask(333, 1980, worth=yen)
        assert said(got) == (333, 499, 1320, "as_asked")
        assert said(ask(5000, 1980, worth=yen)) == (1320, 1980, 1320, "all_goods_paid")

    @pytest.mark.parametrize(
        ("worth", "points", "price", "answer"),
        [
            ((100, 1000), 1, 5000, (1, 10, 500, "as_asked")),
            ((1, 1), 9, 5000, (0, 0, 5000, "whole_cents")),
            ((1, 1), 19, 5000, (10, 10, 5000, "whole_cents")),
            ((3, 10), 10, 5000, (9, 30, 1500, "whole_cents")),
            ((1, 15), 3, 5000, (3, 40, 334, "as_asked")),
            ((1, 1), 9000, 4320, (4320, 4320, 4320, "all_goods_paid")),
        ],
    )
    def test_buy_what_the_shop_can_write_where_that_is_ten_of_a_currencys_smallest(self, worth, points, price, answer):
        dinar = Worth(points=worth[0], minor=worth[1], currency="KWD")
        got = ask(points, price, worth=dinar, grain=10)
        assert said(got) == answer
        assert got.parts == (answer[1],)
        assert got.because.params.get("minor", price) == price

    def test_are_spread_in_whole_amounts_that_the_shop_can_write(self):
        assert ask(100, 330, 330, 340, grain=10).parts == (30, 30, 40)

    def test_count_a_least_order_in_the_currencys_own_smallest(self):
        assert said(ask(100, 1990, grain=10, least_order=1991)) == (0, 0, 0, "at_least_order")
        assert said(ask(100, 1990, grain=10, least_order=1990)) == (100, 100, 1990, "as_asked")

    def test_are_spread_over_the_lines_by_what_each_still_costs(self):
        assert ask(500, 1000, 3000, 6000).parts == (50, 150, 300)
        assert ask(100, 333, 333, 334).parts == (33, 33, 34)
        assert ask(1, 10, 10).parts == (1, 0)
        assert ask(0, 10, 10).parts == (0, 0)


class TestLimits:
    def test_of_share_count_all_goods_and_keep_to_those_that_can_be_paid(self):
        assert said(ask(2000, 1999, share=50)) == (999, 999, 999, "share_of_goods")
        assert said(ask(100, 1999, share=50)) == (100, 100, 999, "as_asked")
        shut = Payable(minor=9000, takes_discounts=False)
        assert said(ask(9999, 1000, lines=[shut], share=50)) == (1000, 1000, 1000, "only_some_goods")
        assert ask(9999, 1999, share=50).because.params == {"share": 50, "minor": 999, "currency": "EUR"}

    def test_of_share_say_so_where_they_leave_nothing(self):
        assert said(ask(100, 50, share=1)) == (0, 0, 0, "share_of_goods")

    @pytest.mark.parametrize(
        ("points", "step", "answer"),
        [
            (250, 100, (200, 200, 300, "in_steps")),
            (99, 100, (0, 0, 300, "in_steps")),
            (300, 100, (300, 300, 300, "as_asked")),
            (400, 100, (300, 300, 300, "all_goods_paid")),
            (317, 100, (300, 300, 300, "all_goods_paid")),
            (400, 500, (0, 0, 0, "at_least_points")),
        ],
    )
    def test_of_steps_round_down_what_is_used_and_what_could_be(self, points, step, answer):
        assert said(ask(points, 317, step=step)) == answer

    @pytest.mark.parametrize(
        ("points", "minimum", "step", "fewest"), [(400, 500, 1, 500), (99, 100, 1, 100), (250, 101, 100, 200)]
    )
    def test_of_a_minimum_name_the_fewest_points_that_can_be_used(self, points, minimum, step, fewest):
        got = ask(points, 450 if minimum == 500 else 5000, minimum=minimum, step=step)
        if points >= fewest:
            assert got.points == fewest
        else:
            assert (got.points, got.minor, set(got.parts)) == (0, 0, {0})
            assert (got.because.code, got.because.params) == ("at_least_points", {"points": fewest})

    def test_of_a_minimum_that_is_between_two_steps_mean_the_upper_one(self):
        got = ask(150, 150, minimum=101, step=100)
        assert (got.points, got.because.params) == (0, {"points": 200})

    def test_of_a_least_order_count_from_their_first_cent_on(self):
        assert said(ask(100, 1999, least_order=2000)) == (0, 0, 0, "at_least_order")
        assert ask(100, 1999, least_order=2000).because.params == {"minor": 2000, "currency": "EUR"}
        assert said(ask(100, 2000, least_order=2000)) == (100, 100, 2000, "as_asked")

    @pytest.mark.parametrize(
        ("line", "limits"),
        [
            ({"takes_discounts": False}, {}),
            ({"sets": frozenset({"gifts", "toys"})}, {"excluded": frozenset({"gifts"})}),
            ({"has_exclusive": True}, {"not_on_exclusive": True}),
            ({"is_discounted": True}, {"not_on_discounted": True}),
        ],
    )
    def test_leave_lines_out(self, line, limits):
        shut = Payable(minor=500, **line)
        alone = ask(900, lines=[shut], **limits)
        assert (said(alone), alone.parts) == ((0, 0, 0, "no_goods_for_points"), (0,))
        mixed = ask(900, 700, lines=[shut], **limits)
        assert (said(mixed), mixed.parts) == ((700, 700, 700, "only_some_goods"), (700, 0))

    def test_leave_no_line_out_that_they_do_not_name(self):
        every = Payable(minor=500, is_discounted=True, has_exclusive=True, sets=frozenset({"toys"}))
        assert ask(500, lines=[every], excluded=frozenset({"gifts"})).minor == 500

    def test_of_vouchers_count_only_where_the_merchant_set_them(self):
        assert said(ask(100, 500, has_voucher=True)) == (100, 100, 500, "as_asked")
        assert said(ask(100, 500, has_voucher=True, not_with_vouchers=True)) == (0, 0, 0, "not_with_vouchers")
        assert said(ask(100, 500, not_with_vouchers=True)) == (100, 100, 500, "as_asked")

    def test_are_told_in_the_order_in_which_a_customer_can_mend_them(self):
        strict = {"not_with_vouchers": True, "least_order": 1000, "excluded": frozenset({"gifts"}), "minimum": 900}
        gift = [Payable(minor=500, sets=frozenset({"gifts"}))]
        assert ask(100, lines=gift, has_voucher=True, **strict).because.code == "not_with_vouchers"
        assert ask(100, lines=gift, **strict).because.code == "at_least_order"
        assert ask(100, lines=gift * 2, **strict).because.code == "no_goods_for_points"
        assert ask(100, 500, lines=gift, **strict).because.code == "at_least_points"

    def test_find_nothing_in_an_empty_basket(self):
        assert said(ask(100)) == (0, 0, 0, "no_goods_for_points")


class TestFractionsOfACent:
    def test_make_no_difference_to_what_the_whole_basket_costs(self):
        got = ask(9999, *[Fraction(2997, 10)] * 10)
        assert (got.minor, got.points, sorted(got.parts)) == (2997, 2997, [299] * 3 + [300] * 7)

    def test_of_lines_that_points_cannot_pay_stay_theirs(self):
        shut = Payable(minor=Fraction(5, 2), takes_discounts=False)
        got = ask(9999, Fraction(2, 5), Fraction(3, 5), lines=[shut])
        assert (got.minor, got.parts) == (1, (0, 1, 0)), "4 cents of all, of which 3 are the shut line's"

    def test_that_no_line_holds_are_not_promised(self):
        cheap = [Fraction(amount) for amount in ("0.63", "0.63", "1.93", "0.96")]
        got = ask(4, *cheap)
        assert (got.points, got.minor, got.most, got.parts) == (3, 3, 3, (1, 0, 1, 1))
        assert got.because.code == "only_some_goods"


prices = st.one_of(st.integers(0, 200_000), st.fractions(0, 200_000, max_denominator=10_000))
payables = st.builds(
    Payable,
    minor=prices,
    takes_discounts=st.sampled_from([True] * 5 + [False]),
    is_discounted=st.booleans(),
    has_exclusive=st.booleans(),
    sets=st.sampled_from([frozenset(), frozenset({"gifts"})]),
)
baskets = st.lists(payables, min_size=1, max_size=30)
limits = st.builds(
    Limits,
    share=st.sampled_from([1, 20, 33, 50, 99, 100, 100]),
    minimum=st.sampled_from([1, 1, 7, 500]),
    step=st.sampled_from([1, 1, 10, 100]),
    least_order=st.sampled_from([0, 0, 5000]),
    excluded=st.sampled_from([frozenset(), frozenset({"gifts"})]),
    not_on_exclusive=st.sampled_from([False, False, True]),
    not_on_discounted=st.sampled_from([False, False, True]),
    not_with_vouchers=st.booleans(),
)
worths = st.builds(
    Worth,
    points=st.sampled_from([1, 1, 3, 7, 100, 250]),
    minor=st.sampled_from([1, 1, 5, 100]),
    currency=st.just("EUR"),
)


class TestAnyQuote:
    @many
    @given(st.integers(0, 10**6), baskets, limits, worths, st.booleans())
    def test_charges_the_fewest_points_for_exactly_what_it_takes_off(self, points, lines, limits, worth, has_voucher):
        got = quote(points=points, lines=lines, limits=limits, worth=worth, has_voucher=has_voucher)
        goods = half_up(exact=sum((Fraction(line.minor) for line in lines), Fraction(0)))
        assert sum(got.parts) == got.minor <= goods * limits.share // 100
        assert len(got.parts) == len(lines)
        assert got.points <= min(points, got.most)
        assert worth.of(got.points) >= got.minor
        assert got.points == 0 or worth.of(got.points - 1) < got.minor
        assert (got.points == 0) == (got.minor == 0)
        for line, part in zip(lines, got.parts, strict=True):
            assert 0 <= part < line.minor + 1
            assert limits.lets(line) or not part

    @many
    @given(baskets, limits, worths, st.integers(0, 10**6))
    def test_takes_no_less_for_more_points_and_never_more_than_the_most(self, lines, limits, worth, points):
        def of(number):
            return quote(points=number, lines=lines, limits=limits, worth=worth, has_voucher=False)

        fewer, more, most = of(points), of(points + 1), of(points).most
        assert fewer.minor <= more.minor <= of(most).minor
        assert of(most).because.code == "as_asked" or of(most).points < most or not most

    @many
    @given(st.integers(1, 10**6), baskets)
    def test_lets_the_total_that_is_shown_fall_by_exactly_its_parts(self, points, lines):
        got = quote(points=points, lines=lines, limits=Limits(), worth=CENT_A_POINT, has_voucher=False)
        exact = [Fraction(line.minor) for line in lines]
        left = left_to_pay(exact=exact, parts=got.parts)
        after = [old if new is None else new for old, new in zip(exact, left, strict=True)]
        assert all(new <= old for old, new in zip(exact, after, strict=True))
        fell = half_up(exact=sum(exact)) - half_up(exact=sum(after, Fraction(0)))
        assert fell == got.minor or min(exact) < 1, "only among goods for less than a cent there may be no way"
        assert fell <= got.minor
