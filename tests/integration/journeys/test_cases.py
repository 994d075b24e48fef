"""Cases at the desk: what opens them, the queue, who may decide, what they give, and how that is undone."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.contrib.sites.models import Site
from django.test import Client
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.journeys.cases import apologies_given, decide, key_of, open_again, open_case
from loyalty_oscar.journeys.models import AnswerCount, Case
from loyalty_oscar.kernel.errors import LoyaltyError, NotAllowed, UnknownCode
from loyalty_oscar.kernel.promise import Outcome, Promise
from loyalty_oscar.ledger.givers import shares_of
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.ledger.operations import merge, unmerge
from loyalty_oscar.program import words
from loyalty_oscar.program.models import Event, Member, ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.program.references import about
from loyalty_oscar.redemption.models import Claim
from loyalty_oscar.shop.dashboard import goodwill
from loyalty_oscar.shop.journeys import case_sources
from loyalty_oscar.shop.journeys.case_sources import look_at_review
from loyalty_oscar.shop.orders.sync import sync_orders
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.upkeep import jobs
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.integration.ledger.books import assert_clean
from tests.once import a_program
from tests.points import give as give_points
from tests.storefront import TODAY, a_club, a_product, a_user, arrive, buy, day, send_back, text_of

from .deeds import a_member, has

pytestmark = pytest.mark.django_db
Review = get_model("reviews", "ProductReview")
QUEUE = reverse("loyalty:dashboard-cases")
SAID = "Torn <b>bag</b>"
LOOK, DECIDE, GIVE, FULFIL = "view_account", "decide_case", "goodwill_account", "fulfil_claim"
ALL = LOOK, DECIDE, GIVE, FULFIL


@pytest.fixture
def unit():
    return a_club()


@pytest.fixture
def member(unit):
    return a_member(unit)


@pytest.fixture
def desk():
    """Somebody of staff with permissions; returns the user and a signed-in client."""

    def made(*codes, **fields):
        user = a_user(f"staff{Member.objects.count()}{'-'.join(codes)}@example.com")
        user.is_staff = True
        user.save()
        user.user_permissions.set(
            Permission.objects.filter(codename__in=codes, content_type__app_label__startswith="loyalty_")
        )
        client = Client()
        client.force_login(user)
        return user, client

    return made


def a_case(member, number=1, *, at=TODAY, kind="problem", order_id=None, text=SAID):
    source = f"answer:{number}"
    return open_case(member=member, kind=kind, source=source, order_id=order_id, text=text, at=at)[0]


def page_of(case):
    return reverse("loyalty:dashboard-case", args=[case.pk])


def sent(client, case, *, at=TODAY, **fields):
    with clock.at(at):
        return client.post(page_of(case), {"reason": "Torn bag", **fields}, follow=True)


def give(client, case, points=50, **fields):
    return sent(client, case, points=points, give="1", **fields)


def undo(client, case):
    with clock.at(TODAY):
        return client.post(reverse("loyalty:dashboard-case-open", args=[case.pk]), follow=True)


def state(case):
    return Case.objects.get(pk=case.pk).state


class TestACase:
    def test_opens_once_for_what_it_is_about(self, member):
        told = {"member": member, "kind": "parcel", "source": "parcel:7", "order_id": 7, "at": TODAY}
        assert [open_case(**told)[1] for _time in range(3)] == [True, False, False]

    def test_is_of_a_kind_that_is_registered(self, member):
        with pytest.raises(UnknownCode):
            a_case(member, kind="weather")

    @pytest.mark.parametrize(
        ("proposal", "points", "reward"),
        [({"problem": 250}, 250, False), ({}, 0, False), ({"problem": 0}, 0, False), ({"problem": "spa"}, 0, True),
         ({"problem": "gone"}, 0, False)],
    )  # fmt: skip
    def test_proposes_what_the_shop_says(self, settings, unit, member, proposal, points, reward):
        RewardFactory(program=unit.program, code="spa")
        settings.LOYALTY_APOLOGIES = proposal
        case = a_case(member)
        assert (case.points, case.reward is not None) == (points, reward)

    def test_is_decided_for_a_reason(self, member):
        case = a_case(member)
        with pytest.raises(LoyaltyError):
            decide(case=case, promise=Promise(points=5), reason="  ", actor="staff:1", at=TODAY)
        assert (state(case), has(member)) == ("open", (0, 0))

    def test_gives_nothing_that_nobody_can_give(self, member, monkeypatch):
        case = a_case(member)
        monkeypatch.setattr("loyalty_oscar.program.operations.give", lambda **told: Outcome.NOTHING)
        with pytest.raises(NotAllowed):
            decide(case=case, promise=Promise(points=5), reason="Torn", actor="staff:1", at=TODAY)
        assert state(case) == "open"

    def test_gives_what_it_says_each_time_that_it_is_decided(self, member):
        case, told = a_case(member), {"reason": "Torn", "actor": "staff:1", "at": TODAY}
        keys = []
        for points in (50, 200, 10):
            assert decide(case=case, promise=Promise(points=points), **told)
            assert not decide(case=case, promise=Promise(points=points), **told)
            keys.append(key_of(case=case))
            assert has(member) == (points, 0)
            assert open_again(case=case, at=TODAY) == Outcome.TAKEN
            assert open_again(case=case, at=TODAY) is None
            assert has(member) == (0, 0)
        assert keys == [f"case:{case.pk}", f"case:{case.pk}.1", f"case:{case.pk}.2"]
        assert_clean()

    def test_gives_a_reward_after_points_were_taken_back(self, unit, member):
        case, told = a_case(member), {"reason": "Torn", "actor": "staff:1", "at": TODAY}
        reward = RewardFactory(program=unit.program)
        forget_cache()
        decide(case=case, promise=Promise(points=50), **told)
        open_again(case=case, at=TODAY)
        decide(case=case, promise=Promise(reward_id=reward.pk), **told)
        assert has(member) == (0, 0)
        assert Claim.objects.get(member=member).key == f"case:{case.pk}.1"

    def test_stands_in_figures_statement_and_records_by_name(self, unit, member):
        case = a_case(member)
        decide(case=case, promise=Promise(points=50), reason="Torn", actor="staff:1", at=TODAY)
        entry = Entry.objects.get()
        assert words.why(entry.because) == "With our apologies"
        assert [name for name, _shares in shares_of(unit=unit, entries=[entry]).values()] == ["apologies"]
        assert about(reference=entry.key) == ("Something is wrong with an order", page_of(case))


class TestACaseOfSomebodyWhoWasMerged:
    MINUTES = [timedelta(minutes=number) for number in range(4)]

    @pytest.fixture
    def merged(self, unit, member):
        """A case, and a merge that is undone; `meanwhile` is what comes between."""

        def done(before=None, meanwhile=None):
            other, case = a_member(unit, "other@example.com"), a_case(member)
            give_points(other.user, 5, unit)
            for what in filter(None, [before]):
                what(case, TODAY)
            row = merge(member=member, into=other, actor="staff:1", at=TODAY + self.MINUTES[1])
            case.refresh_from_db()
            for what in filter(None, [meanwhile]):
                what(case, TODAY + self.MINUTES[2])
            unmerge(merge=row, actor="staff:1", at=TODAY + self.MINUTES[3])
            case.refresh_from_db()
            return case, other

        return done

    def made_good(self, case, at):
        assert decide(case=case, promise=Promise(points=40), reason="Torn", actor="staff:1", at=at)

    def closed(self, case, at):
        assert decide(case=case, promise=Promise(), reason="Torn", actor="staff:1", at=at)

    def test_that_was_made_good_meanwhile_stays_with_its_gift_and_can_be_undone(self, member, merged):
        case, other = merged(meanwhile=self.made_good)
        assert (case.member, has(other), has(member)) == (other, (45, 0), (0, 0))
        assert open_again(case=case, at=TODAY + timedelta(hours=1)) == Outcome.TAKEN
        assert (has(other), has(member)) == ((5, 0), (0, 0))
        assert_clean()

    @pytest.mark.parametrize(("before", "meanwhile"), [("made_good", None), (None, "closed"), (None, None)])
    def test_goes_back_with_what_it_gave_before_and_else_alone(self, member, merged, before, meanwhile):
        case, other = merged(*(name and getattr(self, name) for name in (before, meanwhile)))
        given = 40 if before else 0
        assert (case.member, has(other), has(member)) == (member, (5, 0), (given, 0))
        if before:
            assert open_again(case=case, at=TODAY + timedelta(hours=1)) == Outcome.TAKEN
            assert has(member) == (0, 0)
        assert_clean()


class TestTheQueue:
    def test_is_listed_by_age_with_what_was_said(self, unit, member, desk):
        order = buy(member.user, (a_product(), 1), on=day(4, 1))
        new, old = a_case(member, 1, order_id=order.pk), a_case(member, 2, at=day(4, 2), kind="parcel", text="")
        with clock.at(TODAY):
            page = desk(LOOK, DECIDE)[1].get(QUEUE)
        html, text = page.content.decode(), text_of(page)
        assert re.findall(r'data-loyalty="case" data-value="(\d+)"', html) == [str(old.pk), str(new.pk)]
        for said in (
            "A late parcel",
            "Something is wrong with an order",
            "boris@example.com",
            str(order.number),
            "100 p",
        ):
            assert said in text
        assert "Torn &lt;b&gt;bag&lt;/b&gt;" in html

    def test_says_so_where_nobody_waits(self, unit, desk):
        client = desk(LOOK, DECIDE)[1]
        assert "Nobody waits" in text_of(client.get(QUEUE))
        assert "Nothing was decided yet" in text_of(client.get(QUEUE, {"show": "decided"}))

    @pytest.mark.parametrize("page", ["1", "2", "3", "99", "-1", "x", ""])
    def test_has_pages(self, member, desk, page):
        Case.objects.bulk_create(
            [
                Case(program=member.program, member=member, kind="problem", source=f"answer:{n}", opened_at=TODAY)
                for n in range(120)
            ]
        )
        found = desk(LOOK, DECIDE)[1].get(QUEUE, {"page": page})
        assert found.status_code == 200
        assert len(re.findall('data-loyalty="case"', found.content.decode())) in (20, 50)

    def test_asks_no_more_for_a_thousand(self, unit, member, desk, django_assert_max_num_queries):
        client = desk(LOOK, DECIDE)[1]
        people = [a_member(unit, f"m{n}@example.com") for n in range(20)]
        order = buy(member.user, (a_product(), 1), on=day(4, 1))
        told = {"program": unit.program, "kind": "problem", "opened_at": TODAY, "points": 100, "text": SAID}
        Case.objects.bulk_create(
            [Case(member=people[n % 20], source=f"answer:{n}", order_id=order.pk, **told) for n in range(1000)]
        )
        client.get(QUEUE)
        # Session, user, two of rights; how many, the cases, their orders, why members left.
        with django_assert_max_num_queries(9):
            client.get(QUEUE)
        Case.objects.update(state="given", decided_at=TODAY, decided_by=f"staff:{member.user_id}", reason="Torn")
        with django_assert_max_num_queries(10):
            client.get(QUEUE, {"show": "decided"})

    def test_says_why_members_left(self, unit, desk):
        for month, number in ((day(4, 1), 2), (day(5, 1), 1), (day(1, 1, 2024), 9)):
            AnswerCount.objects.create(
                program=unit.program, question="farewell", choice="price", month=month.date(), number=number
            )
        with clock.at(TODAY):
            text = text_of(desk(LOOK, DECIDE)[1].get(QUEUE))
        assert re.search(r"The prices\s+3\b", text)

    def test_is_announced_on_the_front_page(self, member, desk):
        client, front = desk(LOOK, DECIDE)[1], reverse("loyalty:dashboard")
        assert QUEUE not in client.get(front).content.decode()
        case = a_case(member)
        assert "1 case waits for you." in text_of(client.get(front))
        Case.objects.filter(pk=case.pk).update(state="closed")
        assert "No case waits for you." in text_of(client.get(front))
        assert QUEUE not in desk(LOOK)[1].get(front).content.decode()

    def test_is_told_on_the_pages_of_the_customer(self, member, desk):
        case = a_case(member)
        user, client = desk(*ALL, "view_member")
        user.user_permissions.add(*Permission.objects.filter(codename="view_user"))
        for page in (
            reverse("dashboard:user-detail", args=[member.user_id]),
            reverse("admin:loyalty_program_member_change", args=[member.pk]),
        ):
            assert page_of(case) in client.get(page).content.decode()


class TestWhoMay:
    @pytest.mark.parametrize(
        ("codes", "looks", "decides"),
        [((), 403, 403), ((LOOK,), 403, 403), ((DECIDE,), 403, 403), ((LOOK, "view_case"), 200, 403),
         ((LOOK, DECIDE), 200, 200)],
    )  # fmt: skip
    def test_look_and_decide(self, member, desk, codes, looks, decides):
        case, client = a_case(member), desk(*codes)[1]
        again = reverse("loyalty:dashboard-case-open", args=[case.pk])
        assert [client.get(page).status_code for page in (QUEUE, page_of(case))] == [looks, looks]
        assert client.get(again).status_code == decides
        assert sent(client, case, close="1").status_code == decides
        assert state(case) == ("closed" if decides == 200 else "open")
        assert client.post(again).status_code == (302 if decides == 200 else 403)

    def test_is_asked_to_log_in(self, member):
        case = a_case(member)
        for page in (QUEUE, page_of(case), reverse("loyalty:dashboard-case-open", args=[case.pk])):
            assert reverse("dashboard:login") in Client().get(page)["Location"]

    def test_decides_nothing_of_oneself(self, unit, desk):
        user, client = desk(*ALL)
        case = a_case(a_member_of(unit, user))
        assert give(client, case).status_code == 403
        assert "You can’t decide" in text_of(client.get(page_of(case)))
        assert (state(case), Entry.objects.count()) == ("open", 0)

    def test_gives_points_only_with_the_right_to(self, member, desk):
        case, client = a_case(member), desk(LOOK, DECIDE)[1]
        html = client.get(page_of(case)).content.decode()
        assert 'name="points"' not in html
        assert 'name="give"' not in html
        give(client, case)
        assert (state(case), has(member)) == ("open", (0, 0))

    def test_gives_rewards_only_with_the_right_to(self, unit, member, desk):
        case, reward = a_case(member), RewardFactory(program=unit.program)
        forget_cache()
        client = desk(LOOK, DECIDE, GIVE)[1]
        assert 'name="reward"' not in client.get(page_of(case)).content.decode()
        sent(client, case, reward=reward.pk, give="1")
        assert (state(case), Claim.objects.count()) == ("open", 0)

    def test_gives_no_more_than_the_limit_of_the_day_with_goodwill(self, settings, unit, member, desk):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 100
        user, client = desk(*ALL)
        cases = [a_case(member, number) for number in range(3)]
        give(client, cases[0], 70)
        page = give(client, cases[1], 31)
        assert "You can give 30 p" in text_of(page)
        assert [state(case) for case in cases] == ["given", "open", "open"]
        assert goodwill.left_today(staff=user, at=TODAY) == 30
        assert goodwill.left_today(staff=user, at=TODAY + timedelta(hours=25)) == 100
        give(client, cases[1], 30)
        assert [state(case) for case in cases] == ["given", "given", "open"]
        undo(client, cases[0])
        assert goodwill.left_today(staff=user, at=TODAY) == 70
        assert apologies_given(actor=f"staff:{user.pk}", since=day(5, 1)) == 30


def a_member_of(unit, user):
    return Member.objects.create(program=unit.program, user=user, joined_at=TODAY)


class TestGiving:
    def test_points_makes_it_good_and_tells_the_member(self, member, desk):
        case = a_case(member)
        user, client = desk(*ALL)
        text = text_of(give(client, case))
        case.refresh_from_db()
        assert "The case is made good: 50 p" in text
        assert (case.state, case.points, case.reason, case.decided_by, case.decided_at) == (
            "given", 50, "Torn bag", f"staff:{user.pk}", TODAY,
        )  # fmt: skip
        assert has(member) == (50, 0)
        assert [*Event.objects.values_list("topic", "key", "member_id")] == [("apology", f"case:{case.pk}", member.pk)]

    def test_is_proposed_and_worth_said(self, member, desk):
        html = desk(*ALL)[1].get(page_of(a_case(member))).content.decode()
        assert re.search(r'name="points"[^>]*value="100"', html)

    def test_a_reward_makes_it_good(self, unit, member, desk):
        case, reward = a_case(member), RewardFactory(program=unit.program, name="A grooming", cost_minor=1200)
        forget_cache()
        client = desk(*ALL)[1]
        assert "A grooming (€12.00)" in text_of(client.get(page_of(case)))
        sent(client, case, reward=reward.pk, points="", give="1")
        case.refresh_from_db()
        assert (case.state, case.reward, case.points) == ("given", reward, 0)
        assert Claim.objects.get(member=member).state == "open"
        assert not Event.objects.filter(topic="apology").exists()

    def test_nothing_closes_it(self, member, desk):
        case = a_case(member)
        text = text_of(sent(desk(*ALL)[1], case, points="77", close="1"))
        assert "closed without a gift" in text
        assert (state(case), has(member), Event.objects.count()) == ("closed", (0, 0), 0)
        assert Case.objects.get().points == 0

    def test_twice_gives_once(self, member, desk):
        case, client = a_case(member), desk(*ALL)[1]
        give(client, case)
        assert "decided before" in text_of(give(client, case))
        other = desk(*ALL, "view_case")[1]
        sent(other, case, close="1")
        assert (state(case), has(member), Entry.objects.count()) == ("given", (50, 0), 1)

    @pytest.mark.parametrize(
        "typed",
        [
            {"points": "", "give": "1"}, {"points": "0", "give": "1"}, {"points": "-5", "give": "1"},
            {"points": "5.5", "give": "1"}, {"points": "abc", "give": "1"}, {"points": "9" * 30, "give": "1"},
            {"points": "5", "reason": "", "give": "1"}, {"points": "5", "reason": "   ", "give": "1"},
            {"points": "5", "reason": "x" * 301, "give": "1"}, {"reward": "99", "give": "1"},
            {"reward": "abc", "give": "1"}, {"reason": "", "close": "1"}, {"points": "5\x00", "give": "1"},
        ],
    )  # fmt: skip
    def test_refuses_what_makes_no_sense(self, unit, member, desk, typed):
        case = a_case(member)
        RewardFactory(program=unit.program)
        forget_cache()
        page = sent(desk(*ALL)[1], case, **typed)
        assert page.status_code == 200
        assert (state(case), has(member), Claim.objects.count()) == ("open", (0, 0), 0)
        assert "error-block" in page.content.decode()

    def test_refuses_points_beside_a_reward_and_one_of_another_program(self, unit, member, desk):
        case, reward = a_case(member), RewardFactory(program=unit.program)
        forget_cache()
        client = desk(*ALL)[1]
        assert "not both" in text_of(sent(client, case, points="5", reward=reward.pk, give="1"))
        assert state(case) == "open"

    def test_asks_again_before_a_lot_is_given(self, settings, unit, member, desk):
        settings.LOYALTY_GOODWILL_DAILY_LIMIT = 10_000_000
        unit.program.worths.update(points=1, minor=1)
        forget_cache()
        case, client = a_case(member), desk(*ALL)[1]
        assert "Tick this if you mean it" in text_of(give(client, case, 1_000_000))
        assert state(case) == "open"
        give(client, case, 1_000_000, is_meant="on")
        assert state(case) == "given"

    def test_gives_nothing_in_a_program_that_closed(self, unit, member, desk):
        case, client = a_case(member), desk(*ALL)[1]
        unit.program.state = "closed"
        unit.program.save()
        give(client, case)
        assert state(case) == "open"
        sent(client, case, close="1")
        assert state(case) == "closed"

    def test_leaves_alone_who_is_forgotten(self, member, desk):
        case, client = a_case(member), desk(*ALL)[1]
        erase(member=member, at=TODAY)
        page = client.get(page_of(case))
        assert page.status_code == 200
        assert give(client, case).status_code == 403
        assert client.post(reverse("loyalty:dashboard-case-open", args=[case.pk])).status_code == 403
        assert has(member) == (0, 0)

    def test_is_written_to_the_member_unless_it_was_taken_back(self, member, desk, mailoutbox):
        case, client = a_case(member), desk(*ALL)[1]
        give(client, case)
        undo(client, case)
        give(client, case, 20)
        for _time in range(2):
            list(jobs.run(only="messages", at=TODAY))
        assert [("20" in one.subject, "With our apologies" in one.body) for one in mailoutbox] == [(True, True)]
        assert "Torn bag" not in mailoutbox[0].body


class TestOpeningAgain:
    def test_says_first_what_it_does(self, member, desk):
        case, client = a_case(member), desk(*ALL)[1]
        give(client, case)
        page = client.get(reverse("loyalty:dashboard-case-open", args=[case.pk]))
        assert "has to be made up" in text_of(page)
        assert state(case) == "given"

    def test_takes_back_what_was_given_and_lets_it_be_decided_anew(self, member, desk):
        case, client = a_case(member), desk(*ALL)[1]
        give(client, case)
        assert "open again" in text_of(undo(client, case))
        assert (state(case), has(member)) == ("open", (0, 0))
        assert "open already" in text_of(undo(client, case))
        give(client, case, 80)
        assert (state(case), has(member)) == ("given", (80, 0))
        assert_clean()

    def test_of_one_without_a_gift_takes_nothing(self, member, desk):
        case, client = a_case(member), desk(*ALL)[1]
        sent(client, case, close="1")
        undo(client, case)
        assert (state(case), Entry.objects.count()) == ("open", 0)

    def test_keeps_a_reward_that_was_used(self, unit, member, desk):
        case, reward = a_case(member), RewardFactory(program=unit.program)
        forget_cache()
        client = desk(*ALL)[1]
        sent(client, case, points="", reward=reward.pk, give="1")
        Claim.objects.update(state="used")
        assert "used already and stays" in text_of(undo(client, case))
        assert (state(case), Claim.objects.get().state) == ("open", "used")

    def test_stands_in_the_history_of_the_member(self, member, desk):
        case = a_case(member)
        _user, client = desk(*ALL, "view_member")
        give(client, case)
        undo(client, case)
        sent(client, case, close="1")
        text = text_of(client.get(reverse("admin:loyalty_program_member_history", args=[member.pk])))
        for said in ("Case made good", "Case opened again", "Case closed without a gift"):
            assert said in text


class TestAnUnhappyReview:
    @pytest.fixture
    def bites(self):
        return a_product()

    def write(self, user, product, score, **fields):
        told = {"product": product, "user": user, "score": score, "title": "Gone", "body": "Dry"}
        review = Review.objects.create(**told, **fields)
        Review.objects.update(date_created=TODAY)
        return review

    @pytest.mark.parametrize(("score", "opens"), [(0, True), (1, True), (2, True), (3, False), (5, False)])
    def test_of_a_buyer_opens_a_case(self, member, bites, score, opens, django_capture_on_commit_callbacks):
        order = buy(member.user, (bites, 1), on=day(4, 1))
        with clock.at(TODAY), django_capture_on_commit_callbacks(execute=True):
            review = self.write(member.user, bites, score, status=Review.FOR_MODERATION)
            review.save()
        found = [*Case.objects.values_list("kind", "source", "order_id", "text", "member_id")]
        assert found == ([("unhappy", f"review:{review.pk}", order.pk, "Gone\nDry", member.pk)] if opens else [])

    def test_of_who_sent_it_back_opens_one_too(self, member, bites):
        order = arrive(buy(member.user, (bites, 1), on=day(4, 1)), on=day(4, 3))
        send_back(order, 1, on=day(4, 9))
        assert look_at_review(review=self.write(member.user, bites, 1), at=TODAY)

    def test_of_somebody_else_opens_none(self, unit, member, bites):
        buy(member.user, (bites, 1), on=day(4, 1))
        stranger = a_member(unit, "ada@example.com").user
        assert not look_at_review(review=self.write(stranger, bites, 1), at=TODAY)
        assert not look_at_review(review=self.write(None, bites, 1, name="x", email="x@example.com"), at=TODAY)
        assert not look_at_review(review=self.write(member.user, a_product("Bone"), 1), at=TODAY)

    def test_of_an_order_that_is_somebody_elses_now_is_a_case_of_who_placed_it(self, unit, member, bites):
        order, ada = buy(member.user, (bites, 1), on=day(4, 1)), a_member(unit, "ada@example.com")
        type(order).objects.filter(pk=order.pk).update(user=ada.user)
        sync_orders(order_ids=[order.pk], at=day(4, 2))

        assert not look_at_review(review=self.write(ada.user, bites, 1), at=TODAY)
        assert look_at_review(review=self.write(member.user, bites, 1), at=TODAY)
        assert (Case.objects.get().member, Case.objects.get().order_id) == (member, order.pk)

    def test_of_somebody_who_was_merged_is_a_case_of_the_other(self, unit, member, bites):
        stays = a_member(unit, "ada@example.com")
        buy(member.user, (bites, 1), on=day(4, 1))
        Member.objects.filter(pk=member.pk).update(merged_into=stays)

        assert look_at_review(review=self.write(member.user, bites, 1), at=TODAY)
        assert Case.objects.get().member == stays

    def test_of_two_who_are_one_elsewhere_is_a_case_of_who_bought_it_there(self, unit, member, bites):
        site = Site.objects.create(domain="two.example", name="Two")
        other = a_program(live_from=day(1, 1, 2025), code="two", name="Two", is_default=False)
        ProgramSite.objects.create(program=other.program, site=site)
        forget_cache()
        ada = a_member(unit, "ada@example.com")
        there = {one: MemberFactory(program=other.program, user=one.user, joined_at=TODAY) for one in (member, ada)}
        Member.objects.filter(pk=member.pk).update(merged_into=ada)
        buy(ada.user, (bites, 1), on=day(4, 1), site=site)

        assert not look_at_review(review=self.write(member.user, bites, 1), at=TODAY)
        assert look_at_review(review=self.write(ada.user, bites, 1), at=TODAY)
        assert Case.objects.get().member == there[ada]

    def test_that_sent_no_signal_is_found_at_night_once(self, member, bites):
        buy(member.user, (bites, 1), on=day(4, 1))
        self.write(member.user, bites, 1)
        for _night in range(2):
            list(jobs.run(only="cases", at=TODAY))
        assert Case.objects.filter(kind="unhappy").count() == 1

    def test_is_saved_though_we_fail(self, member, bites, monkeypatch, django_capture_on_commit_callbacks):
        buy(member.user, (bites, 1), on=day(4, 1))
        monkeypatch.setattr("loyalty_oscar.shop.journeys.case_sources.open_case", lambda **told: 1 / 0)
        with django_capture_on_commit_callbacks(execute=True):
            self.write(member.user, bites, 1)
        assert Review.objects.count() == 1


class TestALateParcel:
    @pytest.mark.parametrize(
        ("days", "late"), [(20, False), (21, True), (22, True), (34, True), (35, False), (400, False)]
    )
    def test_opens_a_case_on_its_day(self, member, days, late):
        order = buy(member.user, (a_product(), 1), on=TODAY - timedelta(days=days))
        for _night in range(2):
            list(jobs.run(only="cases", at=TODAY))
        found = [*Case.objects.values_list("kind", "source", "order_id", "member_id")]
        assert found == ([("parcel", f"parcel:{order.pk}", order.pk, member.pk)] if late else [])

    @pytest.mark.parametrize("days", [5, 60])
    def test_is_late_after_so_many_days_as_the_shop_says(self, settings, member, days):
        settings.LOYALTY_LATE_PARCEL_DAYS = days
        buy(member.user, (a_product(), 1), on=TODAY - timedelta(days=days))
        list(jobs.run(only="cases", at=TODAY))
        assert Case.objects.count() == 1

    def test_is_none_that_arrived_or_was_cancelled_or_is_a_guests(self, unit, member):
        at = TODAY - timedelta(days=22)
        arrive(buy(member.user, (a_product(), 1), on=at), on=at + timedelta(days=3))
        dead = buy(member.user, (a_product("Bone"), 1), on=at)
        dead.__class__.objects.filter(pk=dead.pk).update(status="Cancelled")
        guest = buy(a_user("guest@example.com"), (a_product("Toy"), 1), on=at)
        guest.__class__.objects.filter(pk=guest.pk).update(user=None, guest_email="g@example.com")
        list(jobs.run(only="cases", at=TODAY))
        assert not Case.objects.filter(order_id=dead.pk).exists()
        assert not Case.objects.exclude(order_id=guest.pk).exists()

    def test_is_none_of_which_nothing_is_to_come(self, member):
        order = buy(member.user, (a_product(), 1), on=TODAY - timedelta(days=22))
        order.lines.update(status="Cancelled")
        list(jobs.run(only="cases", at=TODAY))
        assert not Case.objects.exists()

    def test_is_none_that_was_not_paid(self, settings, member):
        settings.LOYALTY_COUNTS_FROM_STATUS = "Being processed"
        buy(member.user, (a_product(), 1), on=TODAY - timedelta(days=22))
        list(jobs.run(only="cases", at=TODAY))
        assert not Case.objects.exists()

    def test_is_none_where_no_program_ever_was(self, django_assert_max_num_queries):
        with django_assert_max_num_queries(9):  # What every job asks.
            list(jobs.run(only="cases", at=TODAY))

    def test_asks_no_more_for_many_that_arrived(self, unit, member, django_assert_max_num_queries):
        at = TODAY - timedelta(days=22)
        bites = a_product()
        for _order in range(8):
            arrive(buy(member.user, (bites, 1), on=at), on=at + timedelta(days=3))
        list(jobs.run(only="cases", at=TODAY))
        with django_assert_max_num_queries(12):
            list(jobs.run(only="cases", at=TODAY))
        assert Account.objects.exists()
        assert not Case.objects.exists()

    def test_that_cannot_be_looked_at_keeps_no_other_waiting_and_is_told(self, member, monkeypatch):
        first, second = [buy(member.user, (a_product(), 1), on=TODAY - timedelta(days=22)) for _order in range(2)]

        def opened(*, order_id, **told):
            return 1 / 0 if order_id == first.pk else open_case(order_id=order_id, **told)

        monkeypatch.setattr(case_sources, "open_case", opened)
        ran = [*jobs.run(only="cases", at=TODAY)][-1]

        assert (ran.done, [*Case.objects.values_list("order_id", flat=True)]) == (1, [second.pk])
        assert ran.error.endswith("orders and reviews that could not be looked at: 1; the log says why")
