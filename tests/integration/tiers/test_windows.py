"""Over which time orders count: what pages say of it, and the dates they name, against orders right beside them."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.shop.tiers.counting import count_past
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import Ladder, Score, Standing
from loyalty_oscar.tiers.preview import preview
from loyalty_oscar.tiers.queries import rules_of
from loyalty_oscar.tiers.sentences import sentence
from tests.storefront import a_user, day, text_of

from .ladders import a_ladder, a_night, known, now, told_and_over
from .test_pages import visit  # noqa: F401  (a fixture)
from .test_returns import bought

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
SECOND = timedelta(seconds=1)
OVERVIEW, LEVELS = reverse("loyalty:overview"), reverse("loyalty:levels")

#: When Boris joined, when he reaches Silver, until when he keeps it, and from when on it counts what keeps it longer.
CASES = {
    "quarter": ("2026-01-10", "2026-05-06", "30 September 2026", "2026-07-01"),
    "member-year": ("2024-02-29", "2026-02-28", "28 February 2028", "2027-02-28"),
    "half-year": ("2026-01-10", "2026-05-06", "6 November 2026", "2026-05-07"),
}


def on(text, *, hours=12):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN) + timedelta(hours=hours)


@pytest.fixture(params=CASES)
def case(request):
    joined, reached, last_day, keeps_from = CASES[request.param]
    ladder, user = a_ladder(window=request.param, gold=100_000), a_user()
    join(program=ladder.program, user_id=user.pk, at=on(joined))
    return ladder, user, on(reached), last_day, on(keeps_from, hours=0)


class TestTheDateOnThePage:
    def test_is_the_last_day_on_which_the_level_is_kept(self, case, visit):  # noqa: F811
        ladder, user, reached, last_day, _keeps_from = case
        bought(user, "200.00", reached)
        text = text_of(visit(OVERVIEW, user, on=reached))
        assert f"Yours until {last_day}." in text
        end = (datetime.strptime(last_day, "%d %B %Y").replace(tzinfo=BERLIN) + timedelta(days=1)).astimezone(UTC)
        assert now(user).kept_until == end
        told_and_over(ladder, user, end + timedelta(days=30) - SECOND)
        assert now(user).rank == 2
        told_and_over(ladder, user, end + timedelta(days=30))
        assert now(user).rank < 2

    def test_moves_with_an_order_from_the_moment_on_that_keeps_it(self, case):
        ladder, user, reached, _last_day, keeps_from = case
        bought(user, "200.00", reached)
        until = now(user).kept_until
        bought(user, "200.00", keeps_from - SECOND)
        assert now(user).kept_until == until or ladder.window == "half-year"
        bought(user, "200.00", keeps_from)
        assert now(user).kept_until > until

    def test_says_what_keeps_it_only_once_orders_count_for_that(self, case, visit):  # noqa: F811
        ladder, user, reached, _last_day, keeps_from = case
        bought(user, "200.00", reached)
        if ladder.window == "half-year":
            return
        assert "Keep Silver" not in text_of(visit(OVERVIEW, user, on=keeps_from - SECOND))
        text = text_of(visit(OVERVIEW, user, on=keeps_from))
        amount = re.search(r"Keep Silver: €(\d+\.\d\d) more by", text)[1]
        assert amount == "150.00"
        until = now(user).kept_until
        bought(user, "149.99", keeps_from)
        assert now(user).kept_until == until
        bought(user, "0.01", keeps_from)
        assert now(user).kept_until > until

    @pytest.mark.parametrize(
        ("window", "joined", "said", "last"),
        [
            ("quarter", "2026-01-10", "30 June 2026", "2026-07-01"),
            ("member-year", "2024-02-29", "27 February 2027", "2027-02-28"),
            ("calendar-year", "2024-02-29", "31 December 2026", "2027-01-01"),
        ],
    )
    def test_by_which_the_next_level_is_to_be_reached_counts_to_the_second(
        self,
        visit,  # noqa: F811
        window,
        joined,
        said,
        last,
    ):
        ladder, user = a_ladder(window=window), a_user()
        join(program=ladder.program, user_id=user.pk, at=on(joined))
        bought(user, "100.00", on("2026-05-06"))
        assert f"€50.00 more by {said} and you are Silver." in text_of(visit(OVERVIEW, user, on=on("2026-05-06")))
        end = on(last, hours=0)
        late = a_user("late@example.com")
        join(program=ladder.program, user_id=late.pk, at=on(joined))
        bought(late, "100.00", on("2026-05-06"))
        bought(user, "50.00", end - SECOND)
        bought(late, "50.00", end)
        assert (now(user).rank, now(late).rank) == (2, 1)


class TestWhatIsSaid:
    @pytest.mark.parametrize(
        ("window", "to_staff", "to_members"),
        [
            ("quarter", "counted over a quarter of the year, kept to the end of the next", "in a quarter of the year"),
            (
                "member-year",
                "counted over a year of membership, kept to the end of the next",
                "a year of your membership",
            ),
            ("half-year", "counted over the last 6 months", "What you ordered in the last 6 months counts."),
        ],
    )
    def test_names_the_window(self, visit, window, to_staff, to_members):  # noqa: F811
        ladder = a_ladder(window=window)
        assert to_staff in sentence(ladder=ladder, unit=ladder.program.unit)
        assert to_members in text_of(visit(LEVELS))

    def test_to_somebody_who_never_ordered_is_a_year_from_now(self, visit):  # noqa: F811
        a_ladder(window="member-year")
        text = text_of(visit(OVERVIEW, a_user(), on=on("2026-05-06")))
        assert "more by 5 May 2027 and you are Bronze." in text


class TestThePast:
    def test_is_counted_with_the_period_before(self, django_capture_on_commit_callbacks):
        ladder, user = a_ladder(window="quarter"), a_user()
        for placed in ("2025-12-31", "2026-01-01", "2026-05-01"):
            bought(user, "200.00", on(placed))
        Score.objects.all().delete()
        with clock.at(on("2026-05-06")):
            assert count_past(ladder=known(ladder)) == 2

    def test_is_previewed_by_everybodys_own_year(self):
        ladder, at = a_ladder(window="member-year"), day(5, 6)
        for name, joined, placed in (
            ("a", "2024-05-05", "2026-05-05"),
            ("b", "2024-05-05", "2024-05-08"),
            ("c", "2024-05-07", "2024-05-08"),
        ):
            user = a_user(f"{name}@example.com")
            join(program=ladder.program, user_id=user.pk, at=on(joined))
            told = {"member": Member.objects.get(user=user), "order_id": ord(name), "placed_at": on(placed)}
            Score.objects.create(**told, value=20_000)
        found = preview(program=ladder.program, metric="spend", law=rules_of(ladder=known(ladder)), at=at)
        assert found.counts == (1, 0, 2, 0)


def test_every_window_can_be_chosen_and_walked():
    ladder = a_ladder()
    for window in Ladder.Window.values:
        Ladder.objects.update(window=window)
        a_night(ladder, day(5, 6))
    assert not Standing.objects.exists()
