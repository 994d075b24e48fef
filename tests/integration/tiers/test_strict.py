"""Levels that somebody has to a date: they end there to the second; and levels that no order lifts to."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.shop.tiers.levels import rank_of_visit
from loyalty_oscar.tiers.facts import ranks_at
from loyalty_oscar.tiers.models import GivenTier, Standing, Tier
from loyalty_oscar.tiers.operations import give_tier, settle
from loyalty_oscar.tiers.queries import progress_of, standing_of, standings_ending
from loyalty_oscar.tiers.sentences import faults, sentence
from tests.storefront import a_user, day, text_of

from .ladders import a_ladder, a_night, hand, known, now
from .test_returns import bought

pytestmark = pytest.mark.django_db
END = day(6, 1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def user(db):
    """Somebody on Bronze by an order, who has Gold to the first of June."""
    ladder, user = a_ladder(grace_days=30), a_user()
    bought(user, "10.00", day(3, 1))
    strictly(ladder, user, 3, until=END, at=day(3, 2))
    return user


def strictly(ladder, user, rank, *, until, at, source="plan:1"):
    """Gold that was bought, for example."""
    ladder = known(ladder)
    told = {"until": until, "reason": "bought", "actor": "system", "at": at, "source": source, "is_strict": True}
    member = join(program=ladder.program, user_id=user.pk, at=at)
    return give_tier(ladder=ladder, member_id=member.pk, tier=ladder.known_tiers[rank - 1], **told)


def ladder_of_all():
    return known(Tier.objects.first().ladder)


class TestAStrictLevel:
    def test_ends_with_the_first_night_without_grace_or_notice(self, user):
        a_night(ladder_of_all(), END - SECOND)
        assert (now(user).rank, now(user).is_strict) == (3, True)
        a_night(ladder_of_all(), END)
        assert (now(user).rank, now(user).is_strict) == (1, False)

    def test_is_over_at_its_date_though_nobody_was_moved_yet(self, user):
        member = Member.objects.get(user=user)
        for at, rank in ((END - SECOND, 3), (END, 1)):
            assert ranks_at(members=[member.pk], at=at) == {member.pk: rank}
            assert standing_of(ladder=ladder_of_all(), member_id=member.pk, at=at).rank == rank
            with clock.at(at):
                assert rank_of_visit(visit=Visit(None, user)) == rank
        assert now(user).rank == 3

    def test_of_somebody_who_stood_nowhere_before_leaves_none(self):
        ladder, user = a_ladder(), a_user()
        strictly(ladder, user, 2, until=END, at=day(3, 2))
        member = Member.objects.get(user=user)
        assert ranks_at(members=[member.pk], at=END) == {}
        assert standing_of(ladder=ladder_of_all(), member_id=member.pk, at=END) is None

    def test_is_not_announced_nor_put_off(self, user):
        ladder, endings = ladder_of_all(), {"after": None, "until": day(12, 1)}
        assert not standings_ending(ladder=ladder, **endings).filter(member__user=user).exists()
        Standing.objects.update(is_strict=False)
        assert standings_ending(ladder=ladder, **endings).filter(member__user=user).exists()

    def test_that_orders_carry_by_then_is_kept_and_strict_no_more(self, user):
        bought(user, "500.00", day(5, 1))
        settle(ladder=ladder_of_all(), member_ids=[Member.objects.get(user=user).pk], at=day(5, 1))
        a_night(ladder_of_all(), END)
        assert (now(user).rank, now(user).is_counted, now(user).is_strict) == (3, True, False)

    def test_is_given_once_for_its_source(self, user):
        with pytest.raises(IntegrityError), transaction.atomic():
            strictly(ladder_of_all(), user, 3, until=day(7, 1), at=day(4, 1))
        hand(ladder_of_all(), user, 3, until=day(7, 1), at=day(4, 1))
        hand(ladder_of_all(), user, 3, until=day(8, 1), at=day(4, 1))
        assert list(GivenTier.objects.order_by("pk").values_list("source", flat=True)) == ["plan:1", None, None]


class TestALevelThatNoOrderLiftsTo:
    @pytest.fixture
    def ladder(self, db):
        """Silver is only given."""
        found = a_ladder()
        Tier.objects.filter(rank=2).update(threshold=None)
        return known(found)

    def test_is_passed_over_by_orders_and_by_the_night(self, ladder):
        user = a_user()
        bought(user, "200.00", day(3, 1))
        a_night(ladder, day(3, 2))
        assert now(user).rank == 1
        bought(user, "300.00", day(3, 3))
        assert now(user).rank == 3

    def test_leads_to_the_next_that_orders_reach(self, ladder):
        user = a_user()
        bought(user, "10.00", day(3, 1))
        member = Member.objects.get(user=user)
        standing = standing_of(ladder=ladder, member_id=member.pk, at=day(3, 2))
        found = progress_of(ladder=ladder, member_id=member.pk, standing=standing, at=day(3, 2))
        assert (found.next_tier.name, found.missing) == ("Gold", 39_000)

    def test_is_said_so(self, ladder, client):
        assert "Bronze from €0.01; Silver only where it is given" in sentence(ladder=ladder, unit=ladder.program.unit)
        assert "A gift from the shop" in text_of(client.get("/loyalty/how-it-works/"))

    def test_is_no_fault_of_the_ladder(self):
        assert list(faults(levels=[(1, 100, "Bronze"), (2, None, "Silver"), (3, 300, "Gold")])) == []
        steep = [(1, 300, "Bronze"), (2, None, "Silver"), (3, 300, "Gold")]
        assert [rank for rank, _why in faults(levels=steep)] == [3]
