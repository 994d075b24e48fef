"""A level from 0: every member has it from the first moment, nobody falls below it, and no row says so."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import Event, Member
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.storefront.visit import Visit
from loyalty_oscar.shop.tiers.letters import tier_down
from loyalty_oscar.shop.tiers.levels import OwnersLevels, rank_of_visit
from loyalty_oscar.shop.tiers.staff import LevelColumn
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import RuleFactory
from loyalty_oscar.tiers import rules
from loyalty_oscar.tiers.facts import ranks_at, tiers_at
from loyalty_oscar.tiers.models import Ladder, MemberPrice, Score, Standing, Tier
from loyalty_oscar.tiers.operations import give_tier
from loyalty_oscar.tiers.queries import standing_of, standings_ending
from tests.integration.exclusives.sales import BRONZE, GOLD_FROM, a_sale, offered
from tests.storefront import TODAY, a_basket, a_product, a_user, buy, day, send_back, text_of

from .ladders import a_ladder, a_night, hand, known, now, told_and_over
from .test_admin import form, root, saved  # noqa: F401  (a fixture)
from .test_pages import account, asked, visit  # noqa: F401
from .test_returns import bought

pytestmark = pytest.mark.django_db


@pytest.fixture
def ladder(db):
    """Bronze for every member with 5 % more points, Silver from 150.00, Gold from 400.00."""
    return a_ladder(bronze=0, percents=(105, 110, 120))


@pytest.fixture
def newcomer(ladder):
    """Somebody who joined and never ordered."""
    user = a_user("new@example.com")
    join(program=ladder.program, user_id=user.pk, at=day(5, 1))
    return user


def member_of(user):
    return Member.objects.get(user=user)


def below_at_and_above(threshold):
    return [f"{cents // 100}.{cents % 100:02d}" for cents in (threshold - 1, threshold, threshold + 1)]


class TestEverybodysLevel:
    def test_is_had_by_a_member_who_never_ordered(self, ladder, newcomer):
        member = member_of(newcomer)
        assert ranks_at(members=[member.pk], at=TODAY) == {member.pk: 1}
        assert standing_of(ladder=known(ladder), member_id=member.pk, at=TODAY).tier.name == "Bronze"
        assert not Standing.objects.exists()

    def test_is_had_from_the_very_moment_of_joining_and_by_nobody_else(self, ladder, newcomer):
        member = member_of(newcomer)
        assert tiers_at(members=[member.pk, 10**9], at=member.joined_at).keys() == {member.pk}

    def test_is_not_had_in_a_program_without_levels(self, ladder, newcomer):
        Ladder.objects.update(is_on=False)
        forget_cache()
        assert ranks_at(members=[member_of(newcomer).pk], at=TODAY) == {}

    def test_writes_no_row_mail_or_gift_for_anybody_however_often_the_night_comes(self, ladder, newcomer):
        assert (a_night(ladder, day(5, 2)), a_night(ladder, day(5, 3))) == (0, 0)
        buy(newcomer, (a_product(price="10.00"), 1), on=day(5, 4))
        assert a_night(ladder, day(5, 5)) == 0
        assert not Standing.objects.exists()
        assert not Event.objects.filter(topic__startswith="tier").exists()
        assert not Entry.objects.filter(key__startswith="tier:").exists()

    @pytest.mark.parametrize(("number", "rank"), [*enumerate((1, 2, 2))])
    def test_is_what_is_below_the_next_boundary(self, ladder, newcomer, number, rank):
        bought(newcomer, below_at_and_above(15_000)[number], day(5, 4))
        member = member_of(newcomer)
        assert ranks_at(members=[member.pk], at=day(5, 4)) == {member.pk: rank}
        assert Standing.objects.filter(member=member).exists() == (rank > 1)

    @pytest.mark.parametrize(("window", "year"), [("calendar-year", 2028), ("rolling", 2027)])
    def test_is_where_a_descent_ends_in_one_step_and_for_good(self, newcomer, window, year):
        Ladder.objects.update(window=window)
        ladder = known(Ladder.objects.get())
        bought(newcomer, "200.00", day(5, 4))
        told_and_over(ladder, newcomer, day(7, 1, year))
        standing = now(newcomer)
        assert (standing.rank, standing.tier, standing.kept_until) == (0, None, None)
        assert ranks_at(members=[member_of(newcomer).pk], at=day(7, 1, year)) == {member_of(newcomer).pk: 1}
        told_and_over(ladder, newcomer, day(7, 1, year + 2))
        assert now(newcomer).pk == standing.pk
        assert Event.objects.filter(topic="tier-down").count() == 1
        letter = tier_down(event=Event.objects.get(topic="tier-down"), at=day(7, 1, year)).context
        assert (letter["tier"], letter["was"], letter["points"], letter["day"]) == ("Bronze", "Silver", "Bronze", "")

    def test_is_where_a_return_leads(self, ladder, newcomer):
        order = bought(newcomer, "200.00", day(5, 4))
        send_back(order, 1, on=day(5, 8))
        assert now(newcomer).rank == 0
        assert ranks_at(members=[member_of(newcomer).pk], at=day(5, 8)) == {member_of(newcomer).pk: 1}

    def test_is_under_a_level_that_was_given_and_ends(self, ladder, newcomer):
        bought(newcomer, "10.00", day(5, 2))
        hand(ladder, newcomer, 3, until=day(6, 1), at=day(5, 3))
        assert now(newcomer).rank == 3
        told_and_over(ladder, newcomer, day(8, 1))
        assert now(newcomer).rank == 0

    def test_cannot_be_given(self, ladder, newcomer):
        with pytest.raises(NotAllowed):
            give_tier(
                ladder=known(ladder), member_id=member_of(newcomer).pk, tier=known(ladder).known_tiers[0],
                until=None, reason="why", actor="staff:1", at=TODAY,
            )  # fmt: skip
        assert not Standing.objects.exists()

    def test_costs_no_query_more(self, ladder, newcomer):
        found = []
        for threshold in (1, 0):
            Tier.objects.filter(rank=1).update(threshold=threshold)
            forget_cache()
            tiers_at(members=[member_of(newcomer).pk], at=TODAY)
            with CaptureQueriesContext(connection) as asked_now:
                tiers_at(members=[member_of(newcomer).pk], at=TODAY)
            found.append((len(asked_now), asked(newcomer, "/catalogue/"), asked(None, "/catalogue/")))
        assert found[0] == found[1]


class TestALadderThatChanges:
    def test_gives_the_level_to_all_at_once_and_takes_it_so_without_a_row(self, ladder, newcomer):
        others = [Member(program=ladder.program, joined_at=day(1, 1)) for _number in range(50)]
        ids = [member_of(newcomer).pk, *(member.pk for member in Member.objects.bulk_create(others))]
        for threshold, ranks in ((0, {1}), (5_000, set()), (0, {1})):
            Tier.objects.filter(rank=1).update(threshold=threshold)
            known(ladder)
            assert set(ranks_at(members=ids, at=TODAY).values()) == ranks
            assert a_night(ladder, TODAY) == 0
        assert not Standing.objects.exists()

    def test_lets_nobody_hear_that_what_everybody_has_ends(self, newcomer):
        ladder = Ladder.objects.get()
        Tier.objects.filter(rank=1).update(threshold=1)
        known(ladder)
        bought(newcomer, "10.00", day(5, 4))
        until = now(newcomer).kept_until
        assert until and now(newcomer).rank == 1
        endings = {"after": None, "until": until}
        assert standings_ending(ladder=known(ladder), **endings).count() == 1
        Tier.objects.filter(rank=1).update(threshold=0)
        assert standings_ending(ladder=known(ladder), **endings).count() == 0
        assert a_night(ladder, day(7, 1, 2029)) == 0
        standing = standing_of(ladder=known(ladder), member_id=member_of(newcomer).pk, at=day(7, 1, 2029))
        assert (standing.rank, standing.kept_until) == (1, None)

    def test_is_refused_where_a_higher_level_begins_at_0_or_everybody_would_get_a_gift(self, ladder):
        for told in ({"rank": 2, "threshold": 0}, {"rank": 1, "points": 5}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Tier.objects.filter(rank=told.pop("rank")).update(**told)
        assert list(Tier.objects.values_list("threshold", flat=True)) == [0, 15_000, 40_000]


class TestTheForm:
    ROWS = ((None, 1, "Bronze", "0", 100), (None, 2, "Silver", "150.00", 110), (None, 3, "Gold", "400.00", 120))

    def test_takes_0_reads_it_back_and_saves_unchanged(self, root, ladder):  # noqa: F811
        assert saved(root, ladder, *self.ROWS).status_code == 302
        assert list(Tier.objects.values_list("threshold", flat=True)) == [0, 15_000, 40_000]
        page = root.get(reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk]))
        assert "Bronze for every member; Silver from €150.00" in text_of(page)
        assert 'name="tiers-0-takes" value="0.00"' in page.content.decode()

    def test_refuses_a_gift_for_what_everybody_has(self, root, ladder):  # noqa: F811
        page = saved(root, ladder, *self.ROWS, **{"tiers-0-points": 50})
        assert page.status_code == 302  # The rows of the helper come last: no gift.
        data = form(
            *[(pk, *row[1:]) for pk, row in zip(Tier.objects.values_list("pk", flat=True), self.ROWS, strict=True)]
        )
        url = reverse("admin:loyalty_tiers_ladder_change", args=[ladder.pk])
        page = root.post(url, data | {"tiers-0-points": 50})
        assert "Every member has this level, so nobody reaches it." in text_of(page)
        assert not Tier.objects.filter(points__gt=0).exists()

    def test_refuses_0_above_the_first(self, root, ladder):  # noqa: F811
        rows = ((None, 1, "Bronze", "", 100), (None, 2, "Silver", "0", 110), (None, 3, "Gold", "400.00", 120))
        assert "Only level 1 can begin at 0" in text_of(saved(root, ladder, *rows))
        assert list(Tier.objects.values_list("threshold", flat=True)) == [0, 15_000, 40_000]

    def test_says_who_loses_it_when_it_begins_later(self, root, ladder):  # noqa: F811
        rows = ((None, 1, "Bronze", "50.00", 100), *self.ROWS[1:])
        page = saved(root, ladder, *rows)
        assert page.status_code == 302
        assert "no longer for every member" in text_of(root.get(reverse("admin:loyalty_tiers_ladder_changelist")))

    def test_asks_of_everybody_before_levels_are_switched_off(self, root, ladder, newcomer):  # noqa: F811
        said = text_of(saved(root, ladder, *self.ROWS, is_on=""))
        assert "1 member would stand on no level any more" in said
        assert Ladder.objects.get().is_on


class TestPages:
    def test_show_the_badge_of_somebody_who_never_ordered(self, ladder, newcomer, visit):  # noqa: F811
        assert 'data-loyalty="tier" data-value="1"' in visit("/catalogue/", newcomer).content.decode()

    @pytest.mark.parametrize("is_member", [True, False])
    def test_tell_what_the_next_level_takes_and_never_of_nothing(self, ladder, is_member, visit):  # noqa: F811
        user = a_user("new@example.com")
        if is_member:
            join(program=ladder.program, user_id=user.pk, at=day(5, 1))
        said = account(user, visit)
        assert "Your level: Bronze Every member has it." in said
        assert "€150.00 more by 31 December 2026 and you are Silver" in said
        assert "€0.00 more" not in said and "Keep Bronze" not in said
        levels = text_of(visit(reverse("loyalty:levels"), user))
        assert "Your level: Bronze . Every member has it." in levels
        assert "For every member" in levels and "From €150.00" in levels and "From €0.00" not in levels

    def test_tell_strangers_for_whom_it_is(self, ladder, visit):  # noqa: F811
        for address in ("loyalty:levels", "loyalty:how-it-works"):
            said = text_of(visit(reverse(address)))
            assert "For every member" in said and "From €0.00" not in said and "You are here" not in said

    def test_name_the_author_of_a_review(self, ladder, newcomer, visit):  # noqa: F811
        product = a_product("Bone", "20.00")
        for user in (newcomer, a_user("stranger@example.com")):
            get_model("reviews", "ProductReview").objects.create(
                product=product, user=user, title="Good", body="Very", score=5, status=1
            )
        assert text_of(visit(product.get_absolute_url())).count("Member, Bronze") == 1

    def test_of_staff_show_and_find_it(self, ladder, newcomer, root):  # noqa: F811
        other = a_user("silver@example.com")
        bought(other, "200.00", day(5, 4))
        column, members = LevelColumn(), Member.objects.all()
        names = column.texts(members=list(members))
        assert names == {member_of(newcomer).pk: "Bronze", member_of(other).pk: "Silver"}
        only = [{member.user_id for member in column.only(members=members, value=str(rank))} for rank in range(4)]
        assert only == [set(), {newcomer.pk}, {other.pk}, set()]
        page = text_of(root.get(reverse("admin:loyalty_program_member_change", args=[member_of(newcomer).pk])))
        assert "Bronze now" in page and "Every member has this level" in page


class TestWhatItBrings:
    @pytest.mark.parametrize("is_member", [True, False])
    def test_is_told_before_the_first_order_and_counted_with_it(self, ladder, is_member, visit):  # noqa: F811
        """5 % more: of 100.00 it is 105, as the page says to who is signed in; a stranger reads 100."""
        user, product = a_user("new@example.com"), a_product(price="100.00")
        if is_member:
            join(program=ladder.program, user_id=user.pk, at=day(5, 1))
        assert "Earn 105" in text_of(visit(product.get_absolute_url(), user))
        order = buy(user, (product, 1), on=TODAY)
        assert Award.objects.get(source_id=order.pk).points == 105

    @pytest.mark.parametrize("is_member", [True, False])
    def test_is_a_price_on_the_page_and_in_the_order(self, ladder, is_member, visit):  # noqa: F811
        MemberPrice.objects.create(tier=Tier.objects.get(rank=1), percent=10, starts_at=day(1, 1))
        user, product = a_user("new@example.com"), a_product(price="20.00")
        if is_member:
            join(program=ladder.program, user_id=user.pk, at=day(5, 1))
        assert "18.00" in text_of(visit(product.get_absolute_url(), user))
        with clock.at(TODAY):
            assert str(offered(product, user).price.incl_tax) == "18.00"
        assert "€18.00 in the Paw Club, from Bronze" in text_of(visit(product.get_absolute_url()))

    @pytest.mark.parametrize("is_member", [True, False])
    def test_opens_its_door_of_a_sale_to_the_second_and_to_the_order(self, ladder, is_member):
        carrier, user = a_product("Carrier", "57.90"), a_user("new@example.com")
        if is_member:
            join(program=ladder.program, user_id=user.pk, at=day(5, 1))
        a_sale(ladder.program.unit, carrier, doors=[(BRONZE, GOLD_FROM)])
        for at, is_open in ((GOLD_FROM - timedelta(seconds=1), False), (GOLD_FROM, True)):
            with clock.at(at):
                assert offered(carrier, user).availability.is_available_to_buy == is_open
                assert not offered(carrier).availability.is_available_to_buy
        if is_member:
            assert buy(user, (carrier, 1), on=GOLD_FROM).pk

    def test_is_known_to_oscars_own_offers(self, ladder, newcomer):
        basket = a_basket(newcomer, (a_product(), 1))
        assert OwnersLevels().rank_of(basket=basket) == 1
        assert OwnersLevels().rank_of(basket=a_basket(a_user("b@example.com"), (a_product(), 1))) == 0

    def test_is_what_a_rule_for_the_level_counts(self, ladder, newcomer):
        narrowed = [{"code": "tier", "params": {"rank": 1}}]
        RuleFactory(
            program=ladder.program, code="bronze", name="Bronze", type="per-order", params={"points": 7},
            narrowed=narrowed, at=day(1, 1),
        )  # fmt: skip
        order = buy(newcomer, (a_product(price="100.00"), 1), on=TODAY)
        assert Award.objects.get(source_id=order.pk).points == 112

    def test_is_a_visit_without_anything_asked_for_strangers(self, ladder, rf):
        request = rf.get("/")
        request.user = None
        with clock.at(TODAY):
            assert rank_of_visit(visit=Visit(request)) == 0


class TestTheRules:
    TERMS = rules.LadderTerms(thresholds=(0, 100, 300), window=rules.CALENDAR_YEAR)

    @pytest.mark.parametrize(("value", "rank"), [(0, 0), (99, 0), (100, 2), (101, 2), (299, 2), (300, 3)])
    def test_count_from_the_first_level_that_has_to_be_reached(self, value, rank):
        assert self.TERMS.rank(value) == rank

    def test_count_scores_of_nothing_as_nothing(self, ladder, newcomer):
        Score.objects.create(member=member_of(newcomer), order_id=1, placed_at=day(5, 1), value=0)
        assert a_night(ladder, TODAY) == 0
