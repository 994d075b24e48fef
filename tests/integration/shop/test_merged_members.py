"""Two members that become one: points with dates and what a return finds go along; both logins lead there; undone."""

from datetime import timedelta
from decimal import Decimal as D

import pytest
from django.contrib.auth import get_user_model

from loyalty_oscar.earning.models import Award
from loyalty_oscar.journeys.carrying import carry_out
from loyalty_oscar.journeys.models import Campaign, GoalStanding, Occurrence
from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Entry, Hold, Lot
from loyalty_oscar.ledger.operations.merging import CannotMerge
from loyalty_oscar.people.models import Birthday, UnwantedMail
from loyalty_oscar.people.operations import choose_mails, save_birthday
from loyalty_oscar.program.models import Member, Merge, Program, Segment
from loyalty_oscar.program.operations import give as give_promised
from loyalty_oscar.program.operations import join, take_back
from loyalty_oscar.program.segments import members_of, set_members
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.redemption.operations.claims import open_now
from loyalty_oscar.referrals.models import Code, Referral
from loyalty_oscar.referrals.operations import bind
from loyalty_oscar.referrals.queries import giver_of
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service.erasure import erase_person
from loyalty_oscar.testing import clock, purge
from loyalty_oscar.testing.factories import CampaignFactory, CodeFactory, GoalFactory, RewardFactory, SchemeFactory
from loyalty_oscar.tiers.models import GivenTier, Score, Standing
from loyalty_oscar.tiers.operations import take_given
from tests.integration.ledger.books import assert_clean, dump
from tests.integration.referrals.friendly import an_inviting_club, bring, points
from tests.integration.tiers.ladders import a_ladder, a_night, hand, known, now, told_and_over
from tests.points import account, give, of, pay, reload, use
from tests.rewards import a_reward, have, put_on, state
from tests.storefront import TODAY, a_basket, a_product, a_user, arrive, buy, day, send_back, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("today")]
LATER, LATER_STILL = (TODAY + timedelta(hours=hours) for hours in (1, 2))


def member(user):
    return Member.objects.get(user=user)


def merge(gone, into, *, at=TODAY):
    return ledger.merge(member=member(gone), into=member(into), actor="staff:1", at=at)


def undo(row, *, at=LATER):
    ledger.unmerge(merge=row, actor="staff:2", at=at)


def has(user):
    """What somebody has, with the dates on which it runs out."""
    lots = Lot.objects.filter(account=account(user), is_open=True).order_by("expires_at", "pk")
    return [(lot.source, lot.remaining, lot.state, lot.expires_at) for lot in lots]


def all_of(user):
    """What somebody has, is to have and stands at."""
    claims = Claim.objects.filter(member=member(user)).order_by("pk")
    planned = Occurrence.objects.filter(member=member(user)).order_by("pk")
    return {
        "points": (of(user), has(user)),
        "claims": list(claims.values_list("key", "state")),
        "occurrences": list(planned.values_list("source", "state", "because")),
        "goals": list(GoalStanding.objects.filter(member=member(user)).values_list("goal__code", "reached")),
    }


@pytest.fixture
def ada(unit):
    """Another login of Boris: 300 paws that run out earlier than his."""
    user = a_user("ada@example.com")
    give(user, 300, unit, source="ada", until=day(6, 30))
    return user


class TestPoints:
    def test_move_with_their_own_dates_and_two_entries_name_each_other(self, boris, ada):
        row = merge(ada, boris)
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1300, 0, 0, 0))
        assert has(boris) == [("ada", 300, "open", day(6, 30)), ("gift", 1000, "open", day(12, 31, 2097))]
        out, came = Entry.objects.filter(kind="transfer").order_by("key").reverse()
        assert (out.key, came.key) == (f"merge:{row.pk}:out", f"merge:{row.pk}:in")
        assert (out.net, came.net, out.counter, came.counter) == (-300, 300, "transfer", "transfer")
        assert out.because["p"]["account"] == came.account_id
        assert came.because["p"]["account"] == out.account_id
        assert member(ada).merged_into == member(boris)
        assert_clean()

    def test_on_the_way_still_answer_to_a_return(self, boris, ada):
        order = buy(ada, (a_product(price="50.00"), 2), on=TODAY)
        assert of(ada) == (300, 100, 0, 0)
        merge(ada, boris)
        assert of(boris) == (1300, 100, 0, 0)
        assert Award.objects.get(source_id=order.pk).account == account(boris)
        send_back(order, 1, on=LATER)
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1300, 50, 0, 0))
        assert_clean()

    def test_that_are_ready_go_with_their_order_and_not_with_others(self, boris, ada):
        order = arrive(buy(ada, (a_product(price="50.00"), 2), on=day(4, 1)), on=day(4, 2))
        list(ledger.mature_due(at=TODAY))
        merge(ada, boris)
        send_back(order, 2, on=LATER)
        assert [row[:2] for row in has(boris)] == [("ada", 300), ("gift", 1000)]
        assert_clean()

    def test_used_before_come_back_to_the_one_who_stays(self, unit, boris, ada):
        basket = use(ada, a_basket(ada, (a_product(price="2.00"), 1)), 200, unit=unit)
        order = pay(basket)
        sync_orders(order_ids=[order.pk], at=TODAY)
        merge(ada, boris)
        assert of(boris) == (1100, 0, 0, 0)
        send_back(order, 1, on=LATER)
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1300, 0, 0, 0))
        assert_clean()

    def test_that_ran_out_before_are_forgiven_when_their_goods_come_back(self, unit, boris, ada):
        order = arrive(buy(ada, (a_product(price="50.00"), 2), on=day(1, 2)), on=day(1, 3))
        list(ledger.mature_due(at=TODAY))
        Lot.objects.filter(source=f"order:{order.pk}").update(expires_at=day(5, 1))
        ledger.expire(account_id=account(ada).pk, at=TODAY)
        merge(ada, boris)
        send_back(order, 2, on=LATER)
        assert of(boris) == (1300, 0, 0, 0)
        assert_clean()

    def test_set_aside_in_an_open_basket_go_back_first(self, unit, boris, ada):
        use(ada, a_basket(ada, (a_product(price="2.00"), 1)), 200, unit=unit)
        merge(ada, boris)
        assert of(boris) == (1300, 0, 0, 0)
        assert Hold.objects.get().state == "released"
        assert_clean()

    def test_stay_where_they_are_while_a_basket_is_being_paid_for(self, unit, boris, ada):
        use(ada, a_basket(ada, (a_product(price="2.00"), 1)), 200, unit=unit).freeze()
        before = dump()
        with pytest.raises(CannotMerge) as refused:
            merge(ada, boris)
        assert (refused.value.code, dump(), Merge.objects.count()) == ("being_paid", before, 0)

    def test_stay_too_while_nothing_but_a_reward_is_used_with_what_is_paid_for(self, unit, boris, ada):
        claim = have(ada, a_reward(unit, "off", amount=100, price=100))
        basket = put_on(ada, a_basket(ada, (a_product(price="5.00"), 1)), claim)
        basket.freeze()
        before = dump()
        with pytest.raises(CannotMerge) as refused:
            merge(ada, boris)
        assert (refused.value.code, dump(), Merge.objects.count()) == ("being_paid", before, 0)
        order = pay(reload(ada, basket))
        assert (order.total_incl_tax, state(claim)) == (D("4.00"), "used")

    @pytest.mark.parametrize("is_rich", ["gone", "into"])
    def test_pay_what_the_other_has_to_make_up(self, unit, boris, ada, is_rich):
        poor, rich = (boris, ada) if is_rich == "gone" else (ada, boris)
        account(poor)
        ledger.adjust(
            account_id=account(poor).pk, points=-account(poor).available, key="manual:1", because=Because("adjusted"),
            actor="staff:1", note="x", at=TODAY,
        )  # fmt: skip
        ledger.claw_back(
            account_id=account(poor).pk, source="x", points=100, key="x:claw", because=Because("adjusted"), at=TODAY
        )
        had = of(rich)[0]
        assert of(poor) == (0, 0, 0, 100)
        row = merge(ada, boris)
        assert of(boris) == (had - 100, 0, 0, 0)
        assert_clean()
        with pytest.raises(CannotMerge) as refused:
            undo(row)
        assert refused.value.code == "netted"

    def test_to_make_up_join(self, unit, boris, ada):
        for user in (boris, ada):
            told = {"because": Because("adjusted"), "at": TODAY}
            points = account(user).available + 50
            ledger.claw_back(account_id=account(user).pk, source="x", points=points, key="x:claw", **told)
        row = merge(ada, boris)
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (0, 0, 0, 100))
        assert_clean()
        undo(row)
        assert (of(ada), of(boris)) == ((0, 0, 0, 50), (0, 0, 0, 50))
        assert_clean()

    def test_move_though_the_other_had_none_at_all(self, unit, ada):
        other = a_user("new@example.com")
        join(program=unit.program, user_id=other.pk, at=TODAY)
        merge(ada, other)
        assert of(other) == (300, 0, 0, 0)
        assert_clean()


class TestRefused:
    def test_are_oneself_one_merged_before_and_one_who_is_frozen(self, unit, boris, ada):
        third = a_user("third@example.com")
        give(third, 5, unit, source="third")
        ledger.freeze(member=member(third), until=None, earns=True, reason="x", actor="staff:1", at=TODAY)
        merge(ada, boris)
        before = dump()
        for gone, into, code in (
            (boris, boris, "oneself"), (ada, third, "merged_already"), (third, ada, "merged_already"),
            (boris, third, "frozen"),
        ):  # fmt: skip
            with pytest.raises(CannotMerge) as refused:
                merge(gone, into)
            assert refused.value.code == code
        assert (dump(), Merge.objects.count()) == (before, 1)


class TestTheOldLogin:
    def test_orders_for_the_one_who_stays(self, boris, ada):
        merge(ada, boris)
        order = buy(ada, (a_product(price="20.00"), 1), on=LATER)
        assert Award.objects.get(source_id=order.pk).account == account(boris)
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1300, 20, 0, 0))
        assert_clean()

    @pytest.mark.parametrize(("joined", "placed", "brings"), [(day(5, 1), day(4, 15), 20), (day(3, 1), day(3, 15), 0)])
    def test_earns_from_when_it_joined_itself_where_people_join_by_choice(self, unit, ada, joined, placed, brings):
        a_ladder(unit=unit)
        Program.objects.update(enrolment="opt-in")
        Member.objects.filter(user=ada).update(joined_at=day(4, 1))
        other = a_user("other@example.com")
        join(program=unit.program, user_id=other.pk, at=joined)
        merge(ada, other)
        buy(ada, (a_product(price="20.00"), 1), on=placed)
        assert of(other) == (300, brings, 0, 0)
        assert sum(Score.objects.values_list("value", flat=True)) == brings * 100

    def test_joins_as_the_one_who_stays(self, unit, boris, ada):
        merge(ada, boris)
        assert join(program=unit.program, user_id=ada.pk, at=LATER) == member(boris)

    def test_whatever_is_done_at_the_old_account_is_done_at_the_new_one(self, boris, ada):
        merge(ada, boris)
        old = account(ada).pk
        ledger.post(grant=a_grant(old, "a"), at=LATER)
        ledger.post_many(grants=[a_grant(old, "b"), a_grant(account(boris).pk, "c")], at=LATER)
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1330, 0, 0, 0))
        assert_clean()


def a_grant(account_id, key):
    return ledger.LotGrant(
        account_id=account_id, points=10, key=key, source=key, because=Because("adjusted"), available_at=TODAY
    )


class TestGifts:
    def test_are_given_once_whoever_had_them(self, boris, ada):
        told = {"promise": Promise(points=50), "key": "tier:1:gift", "because": Because("tier_gift"), "at": TODAY}
        assert give_promised(member_id=member(ada).pk, **told) is Outcome.GIVEN
        merge(ada, boris)
        assert give_promised(member_id=member(boris).pk, **told) is Outcome.THERE
        assert give_promised(member_id=member(ada).pk, **told) is Outcome.THERE
        assert of(boris) == (1350, 0, 0, 0)

    @pytest.mark.parametrize("who", ["gone", "into"])
    def test_are_taken_back_and_given_again_at_the_one_who_stays(self, boris, ada, who):
        told = {"promise": Promise(points=50), "key": "tier:1:gift", "because": Because("tier_gift"), "at": TODAY}
        give_promised(member_id=member(ada).pk, **told)
        merge(ada, boris)
        member_id = member(ada if who == "gone" else boris).pk
        assert take_back(member_id=member_id, **told) is Outcome.TAKEN
        assert take_back(member_id=member_id, **told) is Outcome.NOTHING
        assert of(boris) == (1300, 0, 0, 0)
        assert give_promised(member_id=member_id, **told) is Outcome.AGAIN
        assert of(boris) == (1350, 0, 0, 0)
        assert_clean()


class TestLevels:
    def test_count_the_orders_of_both_and_the_gift_comes_once(self, unit, boris, ada):
        a_ladder(unit=unit, gifts=(0, 40, 0))
        for user in (boris, ada):
            buy(user, (a_product(price="100.00"), 1), on=TODAY)
            assert now(user).rank == 1
        row = merge(ada, boris)
        assert now(boris).rank == 2
        assert of(boris)[1] == 200 + 40
        assert not Score.objects.filter(member=member(ada)).exists()
        assert_clean()
        undo(row)
        assert (now(boris).rank, now(ada).rank) == (1, 1)
        assert (of(boris)[1], of(ada)[1]) == (100, 100)
        assert_clean()

    def test_the_higher_standing_counts(self, unit, boris, ada):
        a_ladder(unit=unit)
        buy(ada, (a_product(price="500.00"), 1), on=day(11, 1, 2025))
        until = now(ada).kept_until
        buy(boris, (a_product(price="10.00"), 1), on=TODAY)
        merge(ada, boris)
        assert (now(boris).rank, now(boris).kept_until) == (3, until)
        assert now(boris).because["c"] == "tier_merged"

    def test_of_the_one_who_stays_stands_where_it_is_higher(self, unit, boris, ada):
        a_ladder(unit=unit)
        buy(boris, (a_product(price="500.00"), 1), on=TODAY)
        buy(ada, (a_product(price="10.00"), 1), on=TODAY)
        before = now(boris).pk
        merge(ada, boris)
        assert now(boris).pk == before

    def test_count_what_the_old_login_orders_later(self, unit, boris, ada):
        a_ladder(unit=unit)
        merge(ada, boris)
        buy(ada, (a_product(price="200.00"), 1), on=LATER)
        assert now(boris).rank == 2

    def test_of_the_one_who_stays_that_own_orders_reached_meanwhile_outlasts_an_undo(self, unit, boris, ada):
        a_ladder(unit=unit)
        row = merge(ada, boris)
        buy(boris, (a_product(price="200.00"), 1), on=LATER)
        assert now(boris).rank == 2
        before = now(boris).pk
        undo(row)
        assert now(boris).pk == before

    @pytest.mark.parametrize("by", ["orders", "gift"])
    def test_of_the_one_who_goes_is_left_behind_by_an_undo(self, unit, boris, ada, by):
        ladder = a_ladder(unit=unit)
        if by == "orders":
            buy(ada, (a_product(price="200.00"), 1), on=TODAY)
        else:
            hand(ladder, ada, 2, until=None, at=TODAY)
            a_night(ladder, TODAY)
        row = merge(ada, boris)
        assert now(boris).rank == 2
        undo(row)
        assert (now(boris).rank, now(ada).rank) == (0, 2)

    def test_given_meanwhile_to_the_one_who_stays_outlasts_an_undo(self, unit, boris, ada):
        ladder = a_ladder(unit=unit)
        row = merge(ada, boris)
        hand(ladder, boris, 3, until=None, at=TODAY)
        a_night(ladder, TODAY)
        undo(row)
        assert now(boris).rank == 3

    @pytest.mark.parametrize("metric", ["spend", "points", "orders"])
    @pytest.mark.parametrize("comes_back", [True, False])
    def test_stand_on_what_the_old_login_ordered_meanwhile_after_an_undo_too(
        self, unit, boris, ada, metric, comes_back
    ):
        bars = {"spend": (15_000, 40_000), "points": (150, 400), "orders": (1, 2)}[metric]
        a_ladder(unit=unit, metric=metric, silver=bars[0], gold=bars[1], bronze=None)
        row = merge(ada, boris)
        order = buy(ada, (a_product(price="200.00"), 1), on=LATER)
        assert now(boris).rank == 2
        undo(row, at=LATER_STILL)
        if comes_back:
            send_back(order, 1, on=LATER_STILL)
        else:
            arrive(order, on=LATER_STILL)
        assert now(boris).rank == (0 if comes_back else 2)
        assert Score.objects.get().member == member(boris)
        assert not Standing.objects.filter(member=member(ada), rank__gt=0).exists()

    @pytest.mark.parametrize("undone", [None, LATER, LATER_STILL], ids=["stays one", "before", "after"])
    @pytest.mark.parametrize("until", [None, day(6, 1)])
    def test_that_staff_gave_is_taken_back_by_staff(self, unit, boris, ada, until, undone):
        ladder = a_ladder(unit=unit)
        hand(ladder, ada, 3, until=until, at=day(5, 1))
        row = merge(ada, boris)
        if undone == LATER:
            undo(row)
            assert (now(boris).rank, now(ada).rank) == (0, 3)
        else:
            assert now(boris).rank == 3
        take_given(ladder=known(ladder), gift=GivenTier.objects.get(), at=LATER)
        if undone == LATER_STILL:
            undo(row, at=LATER_STILL)
        assert {row.rank for row in Standing.objects.filter(is_current=True)} == {0}

    def test_that_a_descent_had_left_the_one_who_goes_are_not_the_others_after_an_undo(self, unit, boris, ada):
        ladder = a_ladder(unit=unit)
        buy(ada, (a_product(price="500.00"), 1), on=day(6, 1, 2025))
        days = [day(2, number, 2027) for number in range(15, 20)]
        told_and_over(ladder, ada, days[0])
        assert (now(ada).rank, now(ada).is_counted) == (2, False)
        row = merge(ada, boris, at=days[1])
        assert now(boris).rank == 2
        undo(row, at=days[2])
        order = buy(boris, (a_product(price="160.00"), 1), on=days[3])
        assert now(boris).rank == 2
        send_back(order, 1, on=days[4])
        assert (now(boris).rank, now(ada).rank) == (0, 2)

    def test_are_kept_no_longer_than_before_after_an_undo(self, unit, boris, ada):
        silver = a_ladder(unit=unit).tiers.get(rank=2)
        for user, until in ((boris, day(11, 1)), (ada, day(12, 1))):
            told = {"rank": 2, "tier": silver, "kept_until": until, "is_counted": False}
            join(program=unit.program, user_id=user.pk, at=TODAY)
            Standing.objects.create(member=member(user), starts_at=day(1, 1), **told)
        row = merge(ada, boris)
        assert now(boris).kept_until == day(12, 1)
        undo(row)
        assert (now(boris).kept_until, now(ada).kept_until) == (day(11, 1), day(12, 1))

    @pytest.mark.parametrize("is_given_meanwhile", [True, False])
    def test_take_what_campaigns_bring_for_them_along(self, unit, boris, ada, is_given_meanwhile):
        a_ladder(unit=unit)
        CampaignFactory(program=unit.program, occasion="level", code="bones", points=30)
        buy(ada, (a_product(price="200.00"), 1), on=TODAY)
        row = merge(ada, boris)
        if is_given_meanwhile:
            list(carry_out(at=LATER))
            assert of(boris)[0] == 1330
        undo(row, at=LATER_STILL)
        list(carry_out(at=LATER_STILL))
        assert (of(boris)[0], of(ada)[0]) == (1000, 330)
        assert Campaign.objects.get().spent == 30
        assert_clean()

    @pytest.mark.parametrize("stays", ["early", "late"])
    def test_bring_no_gift_sooner_where_a_merge_is_undone(self, unit, boris, ada, stays):
        ladder = a_ladder(unit=unit)
        ladder.tiers.filter(rank=2).update(points=50)
        early, late = (boris, ada) if stays == "early" else (ada, boris)
        arrive(buy(early, (a_product(price="200.00"), 1), on=day(4, 1)), on=day(4, 2))
        list(ledger.mature_due(at=TODAY))
        buy(late, (a_product(price="200.00"), 1), on=TODAY)
        before = has(boris), has(ada)
        assert ("tier:", "pending", None) in [(lot[0][:5], *lot[2:]) for lot in has(late)]
        undo(merge(ada, boris))
        assert (has(boris), has(ada)) == before


class TestFriends:
    def test_and_the_code_lead_to_the_one_who_stays(self):
        club = an_inviting_club()
        friend, other = a_user("friend@example.com"), a_user("other@example.com")
        row = bring(club, friend)
        give(other, 10, club.unit, source="other")
        done = merge(club.boris, other)
        row.refresh_from_db()
        assert row.giver == member(other)
        assert giver_of(code=club.code, program_id=club.unit.program_id).member == member(other)
        undo(done)
        row.refresh_from_db()
        assert row.giver == member(club.boris)

    def test_who_bought_meanwhile_stay_with_the_reward_and_take_it_along(self):
        club = an_inviting_club()
        friend, other = a_user("friend@example.com"), a_user("other@example.com")
        bring(club, friend)
        give(other, 10, club.unit, source="other")
        done = merge(club.boris, other)
        order = buy(friend, (a_product(price="100.00"), 1), on=LATER)
        undo(done, at=LATER_STILL)
        assert (points(club.boris), points(other)) == ((0, 0), (0, 150))
        send_back(order, 1, on=LATER_STILL)
        assert (points(club.boris), points(other)) == ((0, 0), (0, 0))
        assert_clean()

    @pytest.mark.parametrize("buyer", ["friend", "other"])
    def test_reward_for_the_first_order_by_either_login(self, buyer):
        club = an_inviting_club()
        users = {name: a_user(f"{name}@example.com") for name in ("friend", "other")}
        bring(club, users["friend"])
        give(users["other"], 10, club.unit, source="other")
        merge(users["friend"], users["other"])
        order = buy(users[buyer], (a_product(price="100.00"), 1), on=LATER)
        assert (points(club.boris), points(users["other"])) == ((0, 150), (0, 100))
        send_back(order, 1, on=LATER_STILL)
        assert (points(club.boris), points(users["other"])) == ((0, 0), (0, 0))

    def test_come_by_another_order_of_the_old_login_where_the_first_came_to_nothing(
        self, django_capture_on_commit_callbacks
    ):
        club = an_inviting_club()
        friend, other = a_user("friend@example.com"), a_user("other@example.com")
        bring(club, friend)
        give(other, 10, club.unit, source="other")
        first, _second = (buy(friend, (a_product(price="100.00"), 1), on=day(4, number)) for number in (1, 2))
        merge(friend, other)
        with clock.at(LATER), django_capture_on_commit_callbacks(execute=True):
            type(first).objects.filter(pk=first.pk).update(status="Cancelled")
            sync_orders(order_ids=[first.pk], at=LATER)
        assert (points(club.boris), points(other)) == ((0, 150), (0, 100))
        assert_clean()

    def test_whom_one_brought_as_the_other_stays_as_it_is(self):
        club = an_inviting_club()
        friend = a_user("friend@example.com")
        bring(club, friend)
        merge(friend, club.boris)
        row = Referral.objects.get()
        assert (row.giver, row.newcomer) == (member(club.boris), member(friend))


class TestWhatElseMoves:
    def test_is_the_birthday_where_the_other_told_none(self, boris, ada):
        save_birthday(member=member(ada), day=3, month=4, at=TODAY)
        row = merge(ada, boris)
        assert Birthday.objects.get().member == member(boris)
        undo(row)
        assert Birthday.objects.get().member == member(ada)

    @pytest.mark.parametrize("is_told_anew", [True, False])
    def test_stays_where_it_was_told_anew_since(self, boris, ada, is_told_anew):
        save_birthday(member=member(ada), day=3, month=4, at=TODAY)
        choose_mails(member=member(ada), unwanted=["level"], offered=["level"], at=TODAY)
        row = merge(ada, boris)
        if is_told_anew:
            save_birthday(member=member(boris), day=5, month=6, at=LATER)
            for unwanted in ((), ("level",)):
                choose_mails(member=member(boris), unwanted=unwanted, offered=["level"], at=LATER)
        undo(row, at=LATER_STILL)
        stands = member(boris if is_told_anew else ada)
        assert (Birthday.objects.get().member, UnwantedMail.objects.get().member) == (stands, stands)

    def test_is_the_place_in_segments(self, unit, boris, ada):
        segment = Segment.objects.create(program=unit.program, code="vip", name="VIP")
        set_members(segment=segment, member_ids=[member(ada).pk], at=TODAY)
        row = merge(ada, boris)
        assert members_of(segment=segment) == {member(boris).pk}
        undo(row)
        assert members_of(segment=segment) == {member(ada).pk}

    def test_is_nothing_of_a_campaign_that_both_had(self, boris, ada):
        assert Occurrence.objects.count() == 0
        merge(ada, boris)
        assert Occurrence.objects.count() == 0


class TestUndone:
    def test_gives_both_what_they_had(self, unit, boris, ada):
        order = buy(ada, (a_product(price="50.00"), 2), on=TODAY)
        before = [(of(user), has(user)) for user in (boris, ada)]
        row = merge(ada, boris)
        undo(row)
        assert [(of(user), has(user)) for user in (boris, ada)] == before
        assert member(ada).merged_into is None
        assert Award.objects.get(source_id=order.pk).account == account(ada)
        send_back(order, 1, on=LATER)
        assert of(ada) == (300, 50, 0, 0)
        assert_clean()

    def test_gives_back_uses_too(self, unit, boris, ada):
        order = pay(use(ada, a_basket(ada, (a_product(price="2.00"), 1)), 200, unit=unit))
        sync_orders(order_ids=[order.pk], at=TODAY)
        undo(merge(ada, boris))
        send_back(order, 1, on=LATER)
        assert (of(ada), of(boris)) == ((300, 0, 0, 0), (1000, 0, 0, 0))
        assert_clean()

    @pytest.mark.parametrize("has_arrived", [True, False])
    def test_leaves_what_a_level_and_a_goal_brought_the_member(self, unit, boris, ada, has_arrived):
        """Whatever the order in which a database keeps what moved."""
        a_ladder(unit=unit, silver__reward=RewardFactory(program=unit.program, code="of-silver"))
        for code, about in (("points", {"points": 30}), ("reward", {"reward": RewardFactory(program=unit.program)})):
            CampaignFactory(program=unit.program, occasion="level", code=code, **{"points": 0, **about})
        GoalFactory(
            program=unit.program, target=1, points=0, reward=RewardFactory(program=unit.program, code="of-goal")
        )
        order = buy(ada, (a_product(price="200.00"), 1), on=day(4, 1) if has_arrived else TODAY)
        if has_arrived:
            arrive(order, on=day(4, 2))
            list(ledger.mature_due(at=day(5, 1)))
            list(carry_out(at=day(5, 1)))
            open_now(claim=Claim.objects.get(state="waits"), at=day(5, 1))
        had, other = all_of(ada), all_of(boris)
        assert (len(had["claims"]), len(had["occurrences"])) == (3 if has_arrived else 2, 2)
        undo(merge(ada, boris))
        assert (all_of(ada), all_of(boris)) == (had, other)
        assert_clean()

    def test_keeps_dates_that_moved_meanwhile(self, unit, boris, ada):
        order = arrive(buy(ada, (a_product(price="50.00"), 2), on=TODAY), on=TODAY)
        row = merge(ada, boris)
        ready = TODAY + timedelta(days=14)
        list(ledger.mature_due(at=ready))
        undo(row, at=ready)
        assert of(ada) == (400, 0, 0, 0)
        assert Lot.objects.get(source=f"order:{order.pk}", account=account(ada)).state == "open"
        assert_clean()

    @pytest.mark.parametrize("how", ["used", "taken back", "set aside"])
    def test_is_refused_once_something_of_it_moved(self, unit, boris, ada, how):
        order = buy(ada, (a_product(price="50.00"), 2), on=TODAY)
        row = merge(ada, boris)
        if how == "taken back":
            send_back(order, 1, on=LATER)
        else:
            basket = use(boris, a_basket(boris, (a_product(price="2.00"), 1)), 200, unit=unit)
            if how == "used":
                pay(basket)
        before = dump()
        with pytest.raises(CannotMerge) as refused:
            undo(row)
        assert (refused.value.code, dump(), member(ada).merged_into) == ("moved_on", before, member(boris))

    def test_is_refused_while_a_reward_that_moved_is_used_with_what_is_paid_for(self, unit, boris, ada):
        claim = have(ada, a_reward(unit, "off", amount=100, price=100))
        row = merge(ada, boris)
        basket = put_on(boris, a_basket(boris, (a_product(price="5.00"), 1)), claim)
        basket.freeze()
        with pytest.raises(CannotMerge) as refused:
            undo(row)
        assert refused.value.code == "being_paid"
        order = pay(reload(boris, basket))
        assert (order.total_incl_tax, state(claim)) == (D("4.00"), "used")

    def test_is_refused_once_the_one_who_went_has_left_for_good(self, boris, ada):
        row = merge(ada, boris)
        erase_person(user_id=ada.pk, at=LATER)
        before = dump()
        with pytest.raises(CannotMerge) as refused:
            undo(row)
        assert (refused.value.code, dump(), of(boris)) == ("erased", before, (1300, 0, 0, 0))

    def test_happens_once(self, boris, ada):
        row = merge(ada, boris)
        undo(row)
        before = dump()
        with pytest.raises(CannotMerge) as refused:
            undo(row)
        assert (refused.value.code, dump()) == ("undone_already", before)

    def test_can_be_merged_again(self, boris, ada):
        undo(merge(ada, boris))
        row = merge(ada, boris, at=LATER)
        assert of(boris) == (1300, 0, 0, 0)
        undo(row)
        assert (of(ada), of(boris)) == ((300, 0, 0, 0), (1000, 0, 0, 0))
        assert_clean()

    def test_leads_nobody_along_a_chain(self, unit, boris, ada):
        third = a_user("third@example.com")
        give(third, 5, unit, source="third")
        first = merge(ada, boris)
        second = merge(boris, third)
        assert member(ada).merged_into == member(third)
        buy(ada, (a_product(price="20.00"), 1), on=LATER)
        assert of(third) == (1305, 20, 0, 0)
        with pytest.raises(CannotMerge):
            undo(first)
        undo(second)
        assert member(ada).merged_into == member(boris)
        undo(first)
        assert (of(ada), of(boris), of(third)) == ((300, 0, 0, 0), (1000, 0, 0, 0), (5, 20, 0, 0))
        assert_clean()


class TestThePagesOfTheOldLogin:
    """It reads that what it had is with the other account, to be used there: so it uses and changes nothing of it."""

    @pytest.fixture
    def old(self, client, boris, ada):
        merge(ada, boris)
        client.force_login(ada)
        assert "with your other account now" in text_of(client.get("/loyalty/"))
        return client

    def test_takes_no_reward_for_points_of_the_other(self, unit, boris, old):
        RewardFactory(code="spa-day", price=500, codes=["SPA-1"])
        answer = old.post("/loyalty/rewards/spa-day/claim/", {"once": "0" * 32}, follow=True)
        assert (of(boris), Claim.objects.count()) == ((1300, 0, 0, 0), 0)
        assert "with your other account now" in text_of(answer)

    def test_chooses_no_mails_of_the_other(self, boris, old):
        old.post("/loyalty/mails/", {})
        assert UnwantedMail.objects.count() == 0

    def test_tells_no_birthday_of_the_other(self, boris, old):
        save_birthday(member=member(boris), day=1, month=2, at=TODAY)
        old.post("/loyalty/birthday/", {"day": 24, "month": 12})
        assert list(Birthday.objects.values_list("member", "day", "month")) == [(member(boris).pk, 1, 2)]

    def test_makes_no_link_that_it_never_sees(self, unit, boris, old):
        SchemeFactory(program=unit.program)
        assert "with your other account now" in text_of(old.post("/loyalty/invite/", follow=True))
        assert Code.objects.count() == 0

    def test_does_not_read_that_nobody_came_by_its_code(self, unit, client, boris, ada):
        SchemeFactory(program=unit.program)
        code = CodeFactory(member=member(ada)).code
        bind(code=code, program_id=unit.program_id, user_id=a_user("priya@example.com").pk, at=TODAY)
        merge(ada, boris)
        client.force_login(ada)
        assert "Nobody yet" not in text_of(client.get("/loyalty/invite/"))


class TestOnceTheOneWhoStaysHasLeft:
    """The person is forgotten with all that was one; whoever goes on with the old login begins anew."""

    def test_the_old_login_is_a_new_member_with_its_next_order(self, client, boris, ada):
        old = member(ada)
        merge(ada, boris)
        get_user_model().objects.get(pk=boris.pk).delete()
        buy(ada, (a_product(price="20.00"), 1), on=LATER)
        assert of(ada) == (0, 20, 0, 0)
        assert member(ada) != old and member(ada).merged_into is None
        old.refresh_from_db()
        assert (old.user, old.erased_at is not None) == (None, True)
        client.force_login(ada)
        assert "with your other account" not in text_of(client.get("/loyalty/"))
        assert_clean()

    def test_what_the_old_login_had_ordered_before_still_answers_to_a_return(self, boris, ada):
        order = buy(ada, (a_product(price="50.00"), 2), on=TODAY)
        merge(ada, boris)
        there = account(boris)
        get_user_model().objects.get(pk=boris.pk).delete()
        buy(ada, (a_product("Bowl", "20.00"), 1), on=LATER)
        send_back(order, 1, on=LATER_STILL)
        there.refresh_from_db()
        assert (there.available, there.pending, of(ada)) == (1300, 50, (0, 20, 0, 0))
        assert_clean()


def test_merged_members_are_purged_like_others(boris, ada):
    merge(ada, boris)
    purge()
    assert (Lot.objects.count(), Entry.objects.count()) == (0, 0)
