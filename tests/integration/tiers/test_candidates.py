"""Who may have to move, by sums in the database: it must leave out nobody whom the rules would move."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from loyalty_oscar.program.models import Member
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.tiers import rules
from loyalty_oscar.tiers.candidates import candidates
from loyalty_oscar.tiers.models import GivenTier, Ladder, Score, Standing
from loyalty_oscar.tiers.queries import counted_of, given_to, ladder_of, rules_of
from tests.amount import some

from .ladders import a_ladder

pytestmark = pytest.mark.django_db
FIRST = datetime(2023, 6, 1, tzinfo=UTC)
EDGES = [datetime(year, month, 1, hour, tzinfo=UTC) for year in (2025, 2026, 2027) for month, hour in ((1, 0), (7, 3))]
EDGES += [edge + timedelta(hours=hours) for edge in EDGES for hours in (-1, 1, 24 * 30)]
MOMENTS = st.sampled_from(EDGES) | st.integers(0, 1_600 * 24).map(lambda hours: FIRST + timedelta(hours=hours))
DATES = st.none() | MOMENTS | st.sampled_from([datetime(y, 12, 31, 23, tzinfo=UTC) for y in range(2024, 2029)])
#: (is_counted, is_strict)
STANDS = ((True, False), (False, False), (False, True))
HISTORIES = st.fixed_dictionaries(
    {
        "orders": st.lists(st.tuples(MOMENTS, st.sampled_from([0, 1, 40, 99, 100, 250, 700])), max_size=6),
        "stands": st.none() | st.tuples(st.integers(0, 3), DATES, st.sampled_from([*STANDS])),
        "gift": st.none() | st.tuples(st.integers(1, 3), MOMENTS, DATES),
    }
)


@contextmanager
def undone():
    """Each example begins with what the test made."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def settle_down(ladder, histories):
    """Members with these orders, standings and gifts, whether or not any shop ever got there."""
    numbers = iter(range(1, 1000))
    for history in histories:
        member = Member.objects.create(program=ladder.program, joined_at=EDGES[0])
        for placed_at, value in history["orders"]:
            Score.objects.create(member=member, order_id=next(numbers), placed_at=placed_at, value=value)
        if history["stands"]:
            rank, kept_until, (is_counted, is_strict) = history["stands"]
            Standing.objects.create(
                member=member, rank=rank, tier=ladder.known_tiers[rank - 1] if rank else None, starts_at=EDGES[0],
                kept_until=kept_until if rank else None, is_counted=is_counted, is_strict=is_strict and rank > 0,
            )  # fmt: skip
        if history["gift"]:
            rank, starts_at, until = history["gift"]
            if until is None or until > starts_at:
                tier = ladder.known_tiers[rank - 1]
                GivenTier.objects.create(member=member, tier=tier, starts_at=starts_at, until=until)


def moved_by_the_rules(ladder, at):
    """Whom the rules would let take a step, asked one by one, announced or not."""
    ids = list(Member.objects.values_list("pk", flat=True))
    counted, given_by, law = counted_of(member_ids=ids), given_to(member_ids=ids, at=at), rules_of(ladder=ladder)
    rows = {row.member_id: row for row in Standing.objects.filter(is_current=True)}
    for pk in ids:
        row, gift = rows.get(pk), given_by.get(pk)
        now = rules.Now(
            rank=row.rank, since=row.starts_at, kept_until=row.kept_until, is_counted=row.is_counted,
            is_strict=row.is_strict,
        ) if row else rules.Now()  # fmt: skip
        own = rules_of(ladder=ladder, joined_at=EDGES[0])
        step = rules.decide(
            now=now, counted=counted.get(pk, ()), ladder=own, at=at, announced=True,
            given=(gift.tier.rank, gift.until) if gift else (0, None),
        )  # fmt: skip
        is_kept = step is not None and step.why == "kept"
        # In the rolling window each order moves the date at once; the walk looks at it when it has come.
        is_later = is_kept and law.window in rules.ROLLS and now.kept_until and now.kept_until > at
        # Only a return makes a date earlier, and it settles its member at once; so does what a level stands on.
        dates = (step.kept_until, now.kept_until) if is_kept else (None, None)
        is_sooner = is_kept and (dates[0] == dates[1] or (dates[0] and (dates[1] is None or dates[0] < dates[1])))
        if step and not is_later and not is_sooner:
            yield pk


@pytest.mark.parametrize("window", Ladder.Window.values)
class TestTheMovers:
    @some
    @given(
        histories=st.lists(HISTORIES, min_size=1, max_size=5),
        at=MOMENTS,
        grace=st.sampled_from([0, 30, 365]),
        bronze=st.sampled_from([0, 100]),
    )
    def test_have_everybody_among_them_whom_the_rules_would_move(self, window, histories, at, grace, bronze):
        with undone():
            ladder = a_ladder(bronze=bronze, silver=300, gold=600, window=window, grace_days=grace)
            ladder = ladder_of(program_id=ladder.program_id)
            settle_down(ladder, histories)
            found = candidates(ladder=ladder, after=0, last=2**40, at=at)
            assert set(moved_by_the_rules(ladder, at)) <= set(found)
        forget_cache()

    def test_are_sought_only_where_one_looks_and_among_the_members_of_the_program(self, window):
        ladder = ladder_of(program_id=a_ladder(window=window).program_id)
        settle_down(ladder, [{"orders": [(EDGES[0], 50_000)], "stands": None, "gift": None}] * 4)
        first, second, third, _fourth = Member.objects.order_by("pk").values_list("pk", flat=True)
        Member.objects.filter(pk=second).update(merged_into=first)
        assert candidates(ladder=ladder, after=first, last=third, at=EDGES[0]) == [third]

    def test_are_not_those_who_stand_where_they_should(self, window):
        ladder = ladder_of(program_id=a_ladder(window=window).program_id)
        until = None if window == rules.LIFETIME else datetime(2026, 12, 31, 23, tzinfo=UTC)
        at = datetime(2025, 8, 1, tzinfo=UTC)
        if window == rules.ROLLING:
            until = datetime(2026, 7, 31, 22, tzinfo=UTC)
        if window == rules.HALF_YEAR:
            until = datetime(2026, 2, 1, 23, tzinfo=UTC)
        if window == rules.QUARTER:
            until = datetime(2025, 12, 31, 23, tzinfo=UTC)
        if window == rules.MEMBER_YEAR:
            return  # Everybody's year is another, so whoever stands anywhere is looked at.
        settle_down(ladder, [{"orders": [(at, 20_000)], "stands": (2, until, (True, False)), "gift": None}] * 3)
        assert candidates(ladder=ladder, after=0, last=2**40, at=at) == []
