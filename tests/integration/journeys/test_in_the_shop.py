"""Points for campaigns in the shop: confirmed addresses, reviews, birthdays, code words, and attacks on them."""

import logging
from datetime import timedelta
from unittest.mock import Mock

import pytest
from django.contrib.sites.models import Site
from django.core import mail
from django.core.cache import cache
from django.core.cache.backends.locmem import LocMemCache
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model
from oscar.test import factories

from loyalty_oscar import extend
from loyalty_oscar.journeys.models import Campaign, Occurrence
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.ledger.operations import merge
from loyalty_oscar.people.models import Birthday
from loyalty_oscar.program.models import Member, Program, ProgramSite
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.journeys.reviews import look_at
from loyalty_oscar.shop.self_service import guests
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.shop.storefront import throttle
from loyalty_oscar.shop.upkeep.jobs import run
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory, RewardFactory
from tests.integration.ledger.books import assert_clean
from tests.once import a_program
from tests.storefront import TODAY, a_product, a_user, arrive, buy, day, numbers, send_back, text_of

from .deeds import a_campaign, a_member, a_night, has

pytestmark = pytest.mark.django_db
OVERVIEW = reverse("loyalty:overview")
Review = get_model("reviews", "ProductReview")
#: What is said of every word that brings nothing.
NOTHING = (
    "That code doesn’t work now. Check the spelling; each code counts once. Some ask for a confirmed address or an "
    "order that arrived."
)


@pytest.fixture(autouse=True)
def fresh():
    cache.clear()
    with clock.at(TODAY):
        yield
    cache.clear()


def signed_in(user, **options):
    client = Client(**options)
    client.force_login(user)
    return client


def joined(unit, email="boris@example.com", on=TODAY):
    """A member and a client of theirs."""
    member = a_member(unit, email)
    member.user.date_joined = on
    member.user.save()
    return member, signed_in(member.user)


def use(client, word, **more):
    """The page after a code word was sent."""
    return client.post(reverse("loyalty:use-word"), {"word": word}, follow=True, **more)


def confirm(client, user):
    """Follow the link of the mail and press its button."""
    return client.post(reverse("loyalty:address", args=[guests.make_token(user=user)]))


@pytest.fixture
def write(django_capture_on_commit_callbacks):
    """Save a review as the shop does, and what comes after the commit."""

    def written(user, product, *, stars=5, status=Review.APPROVED):
        with django_capture_on_commit_callbacks(execute=True):
            return Review.objects.create(
                user=user, product=product, score=stars, title="Well", body="It works", status=status
            )

    return written


@pytest.fixture
def save(django_capture_on_commit_callbacks):
    """Change a saved review, or delete it."""

    def saved(review, *, status=None):
        with django_capture_on_commit_callbacks(execute=True):
            if status is None:
                review.delete()
            else:
                review.status = status
                review.save()

    return saved


class TestAConfirmedAddress:
    def test_brings_its_points_once_and_says_so(self, unit):
        a_campaign(unit, "sign-up")
        member, client = joined(unit)

        assert numbers(client.get(OVERVIEW), "sign_up") == [50]
        assert "50 paws for you: Sign-Up" in text_of(confirm(client, member.user))
        confirm(client, member.user)
        assert has(member) == (50, 0)
        assert numbers(client.get(OVERVIEW), "sign_up") == []
        assert_clean()

    def test_by_looking_at_the_link_brings_nothing(self, unit):
        a_campaign(unit, "sign-up")
        member, client = joined(unit)
        client.get(reverse("loyalty:address", args=[guests.make_token(user=member.user)]))

        assert not Entry.objects.exists()

    def test_of_somebody_who_registered_before_the_action_brings_nothing(self, unit):
        a_campaign(unit, "sign-up", starts_at=TODAY)
        member, client = joined(unit, on=TODAY - timedelta(seconds=1))

        confirm(client, member.user)
        assert not Entry.objects.exists()
        assert numbers(client.get(OVERVIEW), "sign_up") == []

    def test_brings_its_points_in_a_store_without_a_site_id(self, unit, settings):
        a_campaign(unit, "sign-up")
        del settings.SITE_ID
        user = a_user("mary@example.com")

        assert extend.address_confirmed(user=user, email=user.email) == 50

    def test_confirmed_by_the_store_itself_brings_the_same(self, unit):
        a_campaign(unit, "sign-up")
        user = a_user()
        told = {"user": user, "email": user.email}

        assert [extend.address_confirmed(**told), extend.address_confirmed(**told)] == [50, 0]
        assert has(Member.objects.get()) == (50, 0)

    def test_that_goes_wrong_here_never_reaches_the_page(self, unit, monkeypatch, caplog):
        a_campaign(unit, "sign-up")
        member, client = joined(unit)
        monkeypatch.setattr("loyalty_oscar.journeys.operations.act", lambda **_told: 1 / 0)

        assert confirm(client, member.user).status_code == 200
        assert "a confirmed address brought no points" in caplog.text


class TestTheButtonThatSendsALink:
    ACTION = f'action="{reverse("loyalty:confirm-address")}"'

    @pytest.mark.parametrize("campaigns", [[], ["sign-up"], ["word"], ["sign-up", "word"]])
    def test_is_there_once_for_a_newcomer_who_may_have_been_a_guest(self, unit, settings, campaigns):
        settings.OSCAR_ALLOW_ANON_CHECKOUT = True
        for occasion in campaigns:
            word = {"word": "woof", "confirmed_only": True} if occasion == "word" else {}
            a_campaign(unit, occasion, **word)
        _member, client = joined(unit)
        page = client.get(OVERVIEW).content.decode()
        assert page.count(self.ACTION) == 1
        assert "Ordered as a guest before?" in page
        link = '<a href="#confirm">Confirm my address</a>'
        assert (page.count('id="confirm"'), page.count(link)) == ((1, 1) if campaigns else (0, 0))


class TestA4SignUpBonus:
    def test_kept_again_and_again_is_one_award(self, unit):
        a_campaign(unit, "sign-up")
        member, client = joined(unit)
        token = reverse("loyalty:address", args=[guests.make_token(user=member.user)])
        for _time in range(5):
            client.post(token)
            Client().post(token)

        assert Entry.objects.count() == Occurrence.objects.count() == 1


class TestA31ManyAccounts:
    def test_of_one_mailbox_get_one_bonus(self, unit):
        a_campaign(unit, "sign-up")
        spellings = ("ma.ry@gmail.com", "mary+1@gmail.com", "MARY@googlemail.com", "mary+2@gmail.com")
        users = [a_user(address) for address in spellings]

        assert [extend.address_confirmed(user=user, email=user.email) for user in users] == [50, 0, 0, 0]
        assert Entry.objects.count() == 1

    def test_without_a_confirmed_address_get_none(self, unit):
        a_campaign(unit, "sign-up")
        _member, client = joined(unit)
        other = a_user("other@example.com")
        client.post(reverse("loyalty:address", args=[guests.make_token(user=other)]))
        client.post(reverse("loyalty:address", args=["made-up"]))
        client.get(OVERVIEW)

        assert not Entry.objects.exists()

    @override_settings(LOYALTY_SIGN_UPS_PER_ADDRESS=3)
    def test_from_one_network_address_get_so_many_a_day(self, unit):
        a_campaign(unit, "sign-up")
        for number in range(5):
            member, client = joined(unit, f"m{number}@example.com")
            confirm(client, member.user)
        assert Entry.objects.count() == 3

        with clock.at(TODAY + timedelta(days=1)):
            confirm(client, member.user)
        assert Entry.objects.count() == 4

    @override_settings(LOYALTY_SIGN_UPS_PER_ADDRESS=2)
    def test_from_one_network_address_are_kept_out_by_nobody_who_confirms_again(self, unit):
        a_campaign(unit, "sign-up")
        first, client = joined(unit, "first@example.com")
        for _time in range(5):
            confirm(client, first.user)
        second, client = joined(unit, "second@example.com")
        confirm(client, second.user)
        third, client = joined(unit, "third@example.com")
        confirm(client, third.user)

        assert [has(member) for member in (first, second, third)] == [(50, 0), (50, 0), (0, 0)]

    def test_after_a_profile_was_deleted_get_no_second_bonus(self, unit):
        a_campaign(unit, "sign-up")
        member, client = joined(unit)
        confirm(client, member.user)
        member.user.delete()
        again, client = joined(unit)
        confirm(client, again.user)

        assert Entry.objects.count() == 1
        assert has(again) == (0, 0)


class TestAReview:
    @pytest.fixture
    def bought(self, unit):
        """A member who bought a product and has it."""
        user, product = a_user(), a_product()
        arrive(buy(user, (product, 2), on=day(3, 1)), on=day(3, 4))
        return user, product

    def points(self, user):
        entries = Entry.objects.filter(account__member__user=user, key__startswith="campaign:")
        return sum(entry.d_available - entry.d_debt for entry in entries)

    def written(self, write, bought, *, at):
        """A review of that moment: Oscar takes the time of the computer."""
        review = write(*bought, status=Review.FOR_MODERATION)
        Review.objects.filter(pk=review.pk).update(date_created=at, status=Review.APPROVED)
        review.refresh_from_db()
        look_at(review=review, at=at)
        return review

    def wait(self):
        """What is planned comes."""
        for due_at in set(Occurrence.objects.filter(is_open=True).values_list("due_at", flat=True)):
            a_night(due_at)

    @pytest.mark.parametrize("stars", range(6))
    def test_by_a_buyer_brings_the_same_for_any_stars(self, unit, bought, write, stars):
        a_campaign(unit)
        write(*bought, stars=stars)

        assert self.points(bought[0]) == 50

    def test_waits_for_staff_and_goes_with_their_word(self, unit, bought, write, save):
        a_campaign(unit)
        review, seen = write(*bought, status=Review.FOR_MODERATION), []
        seen.append(self.points(bought[0]))
        for status in (Review.APPROVED, Review.APPROVED, Review.REJECTED, Review.APPROVED, None):
            save(review, status=status)
            seen.append(self.points(bought[0]))

        assert seen == [0, 50, 50, 0, 50, 0]
        assert_clean()

    @pytest.mark.parametrize("enrolment", Program.Enrolment.values)
    @pytest.mark.parametrize("is_given_before", [True, False])
    def test_of_somebody_who_was_merged_comes_and_goes_at_the_one_who_stays(
        self, unit, bought, write, save, enrolment, is_given_before
    ):
        a_campaign(unit)
        stays = a_member(unit, "stays@example.com")
        review = write(*bought, status=Review.APPROVED if is_given_before else Review.FOR_MODERATION)
        unit.program.enrolment = enrolment
        unit.program.save()
        merge(member=Member.objects.get(user=bought[0]), into=stays, actor="staff:1", at=TODAY)
        seen = []
        for status in (Review.APPROVED, Review.REJECTED, Review.APPROVED, None):
            save(review, status=status)
            seen.append(Occurrence.objects.filter(state="done", member=stays).count())
        assert seen == [1, 0, 1, 0]
        assert Campaign.objects.get().given == 0
        assert_clean()

    def test_of_both_who_became_one_stays_as_long_as_one_of_them_stands(self, unit, bought, write, save):
        a_campaign(unit)
        first, product = bought
        other = a_user("other@example.com")
        arrive(buy(other, (product, 1), on=day(3, 1)), on=day(3, 4))
        mine, theirs = (Member.objects.get(user=user) for user in (first, other))
        merge(member=mine, into=theirs, actor="staff:1", at=TODAY)
        reviews, seen = [write(user, product) for user in (first, other)], []
        for review in (None, *reviews):
            if review:
                save(review, status=Review.REJECTED)
            seen.append(Occurrence.objects.filter(state="done").count())
        assert seen == [1, 1, 0]

    @pytest.mark.parametrize("delay_days", [0, 2])
    def test_of_one_of_two_who_became_one_comes_once(self, unit, bought, write, save, delay_days):
        a_campaign(unit, delay_days=delay_days)
        first, product = bought
        other = a_user("other@example.com")
        arrive(buy(other, (product, 1), on=day(3, 1)), on=day(3, 4))
        mine, _theirs = [write(user, product) for user in (first, other)]
        self.wait()
        save(mine, status=Review.REJECTED)
        assert [self.points(user) for user in (first, other)] == [0, 50]
        gone, stays = (Member.objects.get(user=user) for user in (other, first))
        merge(member=gone, into=stays, actor="staff:1", at=TODAY)

        save(mine, status=Review.APPROVED)
        self.wait()

        assert has(stays) == (50, 0)
        assert Campaign.objects.get().spent == 50
        assert_clean()

    def test_written_again_after_it_was_deleted_brings_them_once(self, unit, bought, write, save):
        a_campaign(unit)
        for _time in range(3):
            save(write(*bought))
        write(*bought)

        assert self.points(bought[0]) == 50
        assert Campaign.objects.get().spent == 50

    @pytest.mark.parametrize("delay_days", [0, 2])
    @pytest.mark.parametrize(("is_another", "points"), [(True, 50), (False, 0)])
    def test_lets_points_run_out_by_the_review_that_stands(
        self, unit, bought, write, save, delay_days, is_another, points
    ):
        a_campaign(unit, delay_days=delay_days)
        Program.objects.update(expiry="months", expiry_months=1)
        forget_cache()
        review = self.written(write, bought, at=TODAY)
        self.wait()
        with clock.at(TODAY + timedelta(days=3)):
            save(review, status=None if is_another else Review.REJECTED)
        assert self.points(bought[0]) == 0

        with clock.at(TODAY + timedelta(days=90)):
            if is_another:
                self.written(write, bought, at=TODAY + timedelta(days=90))
            else:  # It is as if it had stood all the time: they have run out.
                save(review, status=Review.APPROVED)
        self.wait()

        assert has(Member.objects.get(user=bought[0])) == (points, 0)
        assert_clean()

    def test_of_what_was_bought_in_two_programs_is_paid_in_one_of_them(self, unit, bought, write, save):
        site = Site.objects.create(domain="two.example", name="Two")
        other = a_program(live_from=day(1, 1, 2025), code="two", name="Two", is_default=False)
        ProgramSite.objects.create(program=other.program, site=site)
        forget_cache()
        a_campaign(unit)
        a_campaign(other)
        user, product = bought
        arrive(buy(user, (product, 1), on=day(3, 3), site=site), on=day(3, 4))
        review = write(user, product)

        def paid_in():
            look_at(review=review, at=TODAY)
            return list(Occurrence.objects.filter(state="done").values_list("program", flat=True))

        (once,) = paid_in()
        assert paid_in() == [once]
        there = {False: unit.program_id, True: other.program_id}
        gone = next(o for o in user.orders.all() if there[o.site_id == site.pk] == once)
        send_back(gone, gone.lines.get().quantity, on=day(5, 4))
        assert paid_in() == [unit.program_id + other.program_id - once]
        assert_clean()

    def test_of_two_who_are_one_elsewhere_is_paid_to_who_bought_it_there(self, unit, write):
        site = Site.objects.create(domain="two.example", name="Two")
        other = a_program(live_from=day(1, 1, 2025), code="two", name="Two", is_default=False)
        ProgramSite.objects.create(program=other.program, site=site)
        forget_cache()
        a_campaign(other)
        boris, ada, product = a_member(unit), a_member(unit, "ada@example.com"), a_product()
        for member in (boris, ada):
            MemberFactory(program=other.program, user=member.user, joined_at=day(1, 1))
        merge(member=boris, into=ada, actor="staff:1", at=TODAY)
        arrive(buy(ada.user, (product, 1), on=day(3, 3), site=site), on=day(3, 4))
        for writer, paid in ((boris, []), (ada, [ada.user_id])):
            write(writer.user, product)
            assert [*Occurrence.objects.values_list("member__user", flat=True)] == paid
        assert Occurrence.objects.get().program == other.program

    def test_by_somebody_who_never_bought_it_brings_nothing(self, unit, bought, write):
        a_campaign(unit)
        write(a_user("stranger@example.com"), bought[1])
        write(bought[0], a_product("Rope toy"))

        assert not Occurrence.objects.exists()

    def test_of_a_variant_counts_for_its_parent(self, unit, write):
        a_campaign(unit)
        parent = factories.create_product(structure="parent")
        child = factories.create_product(parent=parent, price=5, num_in_stock=9, structure="child")
        user = a_user()
        arrive(buy(user, (child, 1), on=day(3, 1)), on=day(3, 4))
        write(user, parent)

        assert self.points(user) == 50

    @pytest.fixture
    def family(self, unit):
        """Somebody who bought a variant and has it, and all addresses of what was bought."""
        parent = factories.create_product(structure="parent")
        told = {"parent": parent, "price": 5, "num_in_stock": 9, "structure": "child"}
        child, other = factories.create_product(**told), factories.create_product(**told)
        user = a_user()
        arrive(buy(user, (child, 1), on=day(3, 1)), on=day(3, 4))
        return user, parent, child, other

    def test_of_one_thing_brings_points_once_at_whichever_of_its_addresses(self, family, unit, write, save):
        a_campaign(unit)
        user, *things = family
        reviews = [write(user, thing) for thing in things]
        assert self.points(user) == 50

        for review in reviews[:2]:
            save(review)
            assert self.points(user) == 50
        save(reviews[2])
        assert self.points(user) == 0
        assert_clean()

    def test_of_a_variant_that_goes_with_its_reviews_loses_its_points(self, family, unit, write, save):
        a_campaign(unit)
        user, _parent, child, _other = family
        write(user, child)
        assert self.points(user) == 50
        save(child)
        assert self.points(user) == 0

    def test_keeps_the_address_for_which_it_brought_points_before(self, family, unit, write):
        a_campaign(unit)
        user, parent, child, _other = family
        extend.act(user=user, occasion="review", detail=str(child.pk))
        review = write(user, parent)
        write(user, child)
        assert self.points(user) == 50
        Occurrence.objects.update(barred_by="staff:1")
        extend.undo_act(user=user, occasion="review", detail=str(child.pk))
        look_at(review=review, at=TODAY)
        assert (self.points(user), Occurrence.objects.count()) == (0, 1)

    def test_of_a_variant_says_beside_itself_that_it_brought_points(self, family, unit, write):
        a_campaign(unit)
        user, parent, child, _other = family
        write(user, child)
        for thing in (parent, child):
            page = reverse("catalogue:reviews-list", args=[thing.slug, thing.pk])
            html = Client().get(page).content.decode()
            assert html.count('data-loyalty="reviewed"') == html.count("It works") == (thing == child)

    def test_before_the_goods_arrived_waits_for_the_night_after(self, unit, write):
        a_campaign(unit)
        user, product = a_user(), a_product()
        order = buy(user, (product, 1), on=day(5, 1))
        write(user, product)
        assert self.points(user) == 0

        Review.objects.update(date_created=TODAY)
        arrive(order, on=day(5, 7))
        list(run(only="reviews", at=day(5, 8)))
        assert self.points(user) == 50

    def test_of_goods_that_all_went_back_loses_its_points_in_the_night(self, unit, bought, write):
        a_campaign(unit)
        write(*bought)
        Review.objects.update(date_created=TODAY)
        order = bought[0].orders.get()
        send_back(order, 1, on=day(5, 7))
        list(run(only="reviews", at=day(5, 8)))
        assert self.points(bought[0]) == 50

        send_back(order, 1, on=day(5, 9))
        list(run(only="reviews", at=day(5, 10)))
        assert self.points(bought[0]) == 0

    def test_changed_without_a_signal_is_found_in_the_night(self, unit, bought, write):
        a_campaign(unit)
        write(*bought)
        Review.objects.update(status=Review.REJECTED, date_created=TODAY)
        list(run(only="reviews", at=day(5, 8)))

        assert self.points(bought[0]) == 0

    def test_says_beside_itself_that_it_brought_points(self, unit, bought, write):
        a_campaign(unit)
        user, product = bought
        write(user, product)
        write(a_user("stranger@example.com"), product)
        pages = (
            product.get_absolute_url(),
            reverse("catalogue:reviews-list", args=[product.slug, product.pk]),
        )

        for page in pages:
            html = Client().get(page).content.decode()
            assert html.count("It works") == 2
            assert html.count('data-loyalty="reviewed"') == 1

    def test_costs_the_page_one_query_however_many_there_are(self, unit, bought, write):
        page = reverse("catalogue:reviews-list", args=[bought[1].slug, bought[1].pk])
        write(*bought)
        assert self.asked(page) == 0

        a_campaign(unit)
        write(a_user("m@example.com"), bought[1])
        forget_cache()
        assert self.asked(page) == 1

    def asked(self, page):
        """How often a page asks who was rewarded, once it is warm."""
        Client().get(page)
        with CaptureQueriesContext(connection) as queries:
            Client().get(page)
        return sum("loyalty_journeys_" in query["sql"] for query in queries)

    def test_of_a_person_who_left_stays_the_books_affair(self, unit, bought, write):
        a_campaign(unit)
        write(*bought)
        bought[0].delete()

        assert Occurrence.objects.get().state == "done"
        assert_clean()

    def test_is_written_to_the_member_by_the_jobs(self, unit, bought, write):
        a_campaign(unit)
        write(*bought)
        mail.outbox.clear()
        list(run(only="messages"))

        letters = [letter for letter in mail.outbox if letter.subject == "50\xa0paws for your review"]
        assert len(letters) == 1
        assert "Thank you for your review of Liver bites." in letters[0].body

    def test_is_not_written_about_where_it_was_taken_back_before(self, unit, bought, write, save):
        a_campaign(unit)
        save(write(*bought))
        mail.outbox.clear()
        list(run(only="messages"))

        assert [letter for letter in mail.outbox if "for your review" in letter.subject] == []


class TestABirthday:
    def tell(self, client, **data):
        return client.post(reverse("loyalty:birthday"), data, follow=True)

    def test_is_told_on_the_account_page_and_brings_its_gift_at_night(self, unit):
        a_campaign(unit, "birthday", points=20)
        member, client = joined(unit)
        assert numbers(client.get(OVERVIEW), "birthday") == [20]
        text = text_of(self.tell(client, day="7", month="5"))

        assert "We keep the day and the month, nothing else." in text
        list(run(only="campaigns", at=day(5, 7)))
        list(run(only="campaigns", at=day(5, 7)))
        assert has(member) == (20, 0)
        assert "A gift for your birthday" in text_of(client.get(OVERVIEW))

    @pytest.mark.parametrize("data", [{}, {"day": "30", "month": "2"}, {"day": "x", "month": "5"}, {"day": "0"}])
    def test_that_is_none_is_refused(self, unit, data):
        a_campaign(unit, "birthday")
        _member, client = joined(unit)

        response = self.tell(client, **data)
        assert "That day doesn’t exist. Please check your birthday." in text_of(response)
        assert response.redirect_chain[-1][0].endswith("#birthday")
        assert 'aria-describedby="loyalty-birthday-error"' in response.content.decode()
        if data.get("month") == "2":
            assert '<option value="30" selected>' in response.content.decode()
        assert not Birthday.objects.exists()
        assert "That day" not in text_of(client.get(OVERVIEW))

    def test_is_forgotten_on_demand_and_with_the_person(self, unit):
        a_campaign(unit, "birthday")
        member, client = joined(unit)
        self.tell(client, day="7", month="5")
        self.tell(client, forget="1")
        assert not Birthday.objects.exists()

        self.tell(client, day="7", month="5")
        assert export_member(member=member, at=TODAY)["member"]["birthday"]["day"] == 7
        erase(member=member, at=TODAY)
        assert not Birthday.objects.exists()

    def test_of_somebody_who_takes_no_part_is_not_kept(self, unit):
        unit.program.enrolment = "opt_in"
        unit.program.save()
        a_campaign(unit, "birthday")
        client = signed_in(a_user())

        assert self.tell(client, day="7", month="5").redirect_chain[-1][0] == reverse("loyalty:join")
        assert not Birthday.objects.exists() and not Member.objects.exists()


class TestACodeWord:
    def test_may_bring_a_reward(self, unit):
        reward = RewardFactory(program=unit.program, name="A grooming")
        a_campaign(unit, "word", word="summer26", name="Summer fair", points=0, reward=reward)
        _member, client = joined(unit)

        text = text_of(use(client, "summer26"))
        assert "“A grooming” for you: Summer fair" in text
        assert "Rewards A grooming A gift of" in text_of(client.get(OVERVIEW))

    def test_of_a_birthday_may_bring_a_reward(self, unit):
        reward = RewardFactory(program=unit.program, name="A grooming")
        a_campaign(unit, "birthday", points=0, reward=reward)
        _member, client = joined(unit)

        assert "“A grooming” on your birthday, each year." in text_of(client.get(OVERVIEW))
        assert "“A grooming” for your birthday." in text_of(client.get(reverse("loyalty:how-it-works")))

    def test_brings_its_points_once_and_says_so(self, unit):
        a_campaign(unit, "word", word="summer26", name="Summer fair")
        member, client = joined(unit)

        assert "50 paws for you: Summer fair" in text_of(use(client, "Summer-26"))
        assert NOTHING in text_of(use(client, "Summer-26"))
        assert has(member) == (50, 0)

    def test_of_a_qr_code_asks_for_a_button_and_signs_in_first(self, unit):
        a_campaign(unit, "word", word="summer26")
        page = reverse("loyalty:word", args=["Summer-26"])
        _member, client = joined(unit)

        assert Client().get(page).url == f"{reverse('customer:login')}?next={page}"
        response = client.get(page)
        assert "Summer-26" in text_of(response)
        assert not Entry.objects.exists()
        form = f'action="{reverse("loyalty:use-word")}"'
        assert form in response.content.decode()

    def test_is_asked_for_only_where_there_is_one(self, unit):
        _member, client = joined(unit)
        assert 'name="word"' not in client.get(OVERVIEW).content.decode()
        assert numbers(client.get(OVERVIEW), "review") == []


class TestA19ChangingByLooking:
    def test_is_refused_at_every_door(self, unit):
        a_campaign(unit, "word", word="summer"), a_campaign(unit, "birthday")
        _member, client = joined(unit)
        for name in ("use-word", "birthday"):
            assert client.get(reverse(f"loyalty:{name}"), {"word": "summer", "day": 1, "month": 1}).status_code == 405
        client.get(reverse("loyalty:word", args=["summer"]))

        assert not Entry.objects.exists() and not Birthday.objects.exists()

    def test_is_refused_without_a_token(self, unit):
        a_campaign(unit, "word", word="summer")
        member, _client = joined(unit)
        client = signed_in(member.user, enforce_csrf_checks=True)
        data = {"word": "summer", "day": 1, "month": 1}

        assert [client.post(reverse(f"loyalty:{name}"), data).status_code for name in ("use-word", "birthday")] == [
            403,
            403,
        ]
        assert not Entry.objects.exists() and not Birthday.objects.exists()

    def test_is_refused_to_strangers(self, unit):
        a_campaign(unit, "word", word="summer")

        assert Client().post(reverse("loyalty:use-word"), {"word": "summer"}).url.startswith(reverse("customer:login"))
        assert not Entry.objects.exists()


class TestA20GuessingWords:
    def test_ends_after_so_many_tries_even_with_the_right_one(self, unit, caplog):
        a_campaign(unit, "word", word="summer26")
        member, client = joined(unit)
        said = [text_of(use(client, f"guess{number}")) for number in range(10)]
        assert all(NOTHING in text for text in said)

        with caplog.at_level(logging.WARNING):
            assert "Too many tries." in text_of(use(client, "summer26"))
        assert "tries more code words" in caplog.text
        assert "summer26" not in caplog.text
        assert not Entry.objects.exists()

        with clock.at(TODAY + timedelta(hours=1)):
            use(client, "summer26")
        assert has(member) == (50, 0)

    def test_from_one_network_address_ends_for_all_its_accounts(self, unit):
        a_campaign(unit, "word", word="summer26")
        for person in range(5):
            _member, client = joined(unit, f"m{person}@example.com")
            for number in range(10):
                client.post(reverse("loyalty:use-word"), {"word": f"guess{number}"})
        _member, client = joined(unit, "last@example.com")

        assert "Too many tries." in text_of(use(client, "summer26"))
        assert NOTHING not in text_of(use(client, "summer26", REMOTE_ADDR="192.0.2.7"))
        assert Entry.objects.count() == 1

    def test_is_not_what_people_do_whose_words_are_right(self, unit):
        for number in range(30):
            a_campaign(unit, "word", word=f"word{number}", points=1)
        member, client = joined(unit)
        for number in range(30):
            use(client, f"word{number}")

        assert has(member) == (30, 0)


class TestAWordThatBringsNothing:
    def test_is_kept_in_its_field_with_what_is_wrong_once(self, unit):
        a_campaign(unit, "word", word="summer26")
        _member, client = joined(unit)
        response = use(client, "sumer26")
        assert response.redirect_chain[-1][0] == f"{OVERVIEW}#word"
        page = response.content.decode()
        assert 'value="sumer26" aria-invalid="true" aria-describedby="loyalty-word-error"' in page
        assert text_of(response).count(NOTHING) == 1
        again = client.get(OVERVIEW).content.decode()
        assert "sumer26" not in again and "loyalty-word-error" not in again

    def test_is_told_above_the_page_where_there_is_no_field(self, unit):
        a_campaign(unit, "review")
        _member, client = joined(unit)
        assert NOTHING in text_of(use(client, "sumer26"))


class TestTriesThatCannotBeCounted:
    """Nobody may guess without end where the cache keeps nothing, or is away; and no page is an error."""

    @pytest.fixture(params=["keeps nothing", "is away"])
    def broken(self, request, settings, monkeypatch):
        if request.param == "keeps nothing":
            settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
        else:
            away = Mock(side_effect=ConnectionError("the cache is away"))
            for method in ("add", "incr", "decr"):
                monkeypatch.setattr(LocMemCache, method, away)

    def test_lets_nobody_guess_a_word(self, unit, broken):
        a_campaign(unit, "word", word="woof")
        client = Client()
        client.force_login(a_member(unit).user)
        answer = client.post(reverse("loyalty:use-word"), {"word": "woof"}, follow=True)
        assert "Too many tries." in text_of(answer)
        assert not Occurrence.objects.exists()

    def test_brings_no_points_for_registering(self, unit, broken):
        a_campaign(unit, "sign-up")
        request = Mock(META={"REMOTE_ADDR": "192.0.2.1"}, get_host=lambda: "testserver")
        user = a_user()
        assert extend.address_confirmed(user=user, email=user.email, request=request) == 0
        assert not Occurrence.objects.exists()

    def test_is_taken_back_without_an_error(self, broken):
        throttle.forgive(name="somebody", seconds=throttle.HOUR)
        assert throttle.is_one_too_many(name="somebody", most=10, seconds=throttle.HOUR)

    def test_is_counted_where_the_count_ran_out_between_two_lines(self, monkeypatch):
        cache.clear()
        real, fails = cache.incr, iter([True])
        monkeypatch.setattr(LocMemCache, "incr", lambda self, key: real(key) if not next(fails, False) else _gone(key))
        assert not throttle.is_one_too_many(name="once", most=1, seconds=throttle.HOUR)
        assert throttle.is_one_too_many(name="once", most=1, seconds=throttle.HOUR)


def _gone(key):
    raise ValueError(key)


class TestA22TellingWordsApart:
    def test_is_not_possible_by_what_is_answered(self, unit):
        a_campaign(unit, "word", word="used"), a_campaign(unit, "word", word="empty", budget=0)
        a_campaign(unit, "word", word="over", ends_at=TODAY), a_campaign(unit, "word", word="off", is_on=False)
        a_campaign(unit, "word", word="soon", starts_at=TODAY + timedelta(days=1))
        member, client = joined(unit)
        use(client, "used")
        client.get(OVERVIEW)
        answers = []
        for word in ("used", "empty", "over", "off", "soon", "never-was", "", "x" * 5000):
            first = client.post(reverse("loyalty:use-word"), {"word": word})
            page = client.get(OVERVIEW)
            answers.append((first.status_code, first.url, NOTHING in text_of(page), page.status_code))

        assert set(answers) == {(302, f"{OVERVIEW}#word", True, 200)}
        assert has(member) == (50, 0)

    def test_is_not_possible_by_the_page_of_a_qr_code(self, unit):
        a_campaign(unit, "word", word="real")
        _member, client = joined(unit)
        pages = [
            text_of(client.get(reverse("loyalty:word", args=[word]))).replace(word, "?") for word in ("real", "fake")
        ]

        assert pages[0] == pages[1]

    def test_is_not_possible_by_what_the_database_is_asked_of_one_that_is_over(self, unit):
        a_campaign(unit, "word", word="over", ends_at=TODAY)
        _member, client = joined(unit)
        client.post(reverse("loyalty:use-word"), {"word": "warm-up"})
        counts = []
        for word in ("over", "never-was"):
            with CaptureQueriesContext(
                connection,
            ) as asked:
                client.post(reverse("loyalty:use-word"), {"word": word})
            counts.append(len(asked))
        assert counts[0] == counts[1]


class TestA26MarkupInWords:
    NASTY = '"><script>alert(1)</script>{{7*7}}'

    def test_is_shown_as_it_was_typed_and_does_nothing(self, unit):
        a_campaign(unit, "word", word="summer", name=self.NASTY)
        _member, client = joined(unit)
        pages = [
            client.get(reverse("loyalty:word", args=["x"]).replace("/x/", "/%22%3E%3Cscript%3E%7B%7B7*7%7D%7D/")),
            use(client, "summer"),
            client.get(OVERVIEW),
        ]

        assert all(page.status_code == 200 for page in pages)
        assert not any(
            "<script>alert" in page.content.decode() or '"><script>' in page.content.decode() for page in pages
        )
        assert not any("49" in page.content.decode().partition("{{7*7}}")[0][-30:] for page in pages)
        assert "{{7*7}}" in text_of(pages[1])

    def test_never_becomes_a_second_line_of_a_mail(self, unit):
        a_campaign(unit, "birthday", name="x\r\nBcc: all@example.com", points=20)
        member, _client = joined(unit)
        Birthday.objects.create(member=member, day=6, month=5, set_at=TODAY - timedelta(days=1))
        list(run(only="campaigns"))
        list(run(only="messages"))

        (letter,) = mail.outbox
        assert letter.recipients() == [member.user.email]
        assert "Bcc" not in letter.subject


class TestAnOccasionOfTheStores:
    @pytest.fixture(autouse=True)
    def newsletter(self):
        extend.occasions.register("newsletter")(extend.Occasion())
        yield
        extend.occasions.unregister("newsletter")

    def test_brings_what_the_merchant_set_up_once_for_each_detail(self, unit):
        a_campaign(unit, "newsletter", name="Our newsletter")
        user = a_user()

        assert [extend.act(user=user, occasion="newsletter", detail=detail) for detail in ("", "", "2")] == [50, 0, 50]
        assert extend.undo_act(user=user, occasion="newsletter") == 50
        assert extend.undo_act(user=user, occasion="newsletter") == 0
        assert has(Member.objects.get()) == (50, 0)
        assert "Our newsletter" in text_of(signed_in(user).get(OVERVIEW))

    def test_without_a_campaign_brings_nothing(self, unit):
        assert extend.act(user=a_user(), occasion="newsletter") == 0
        assert not Entry.objects.exists()


class TestTheAccountPage:
    def test_shows_nothing_where_no_action_is_set_up(self, unit):
        _member, client = joined(unit)
        assert "Earn more" not in text_of(client.get(OVERVIEW))

    def test_shows_nothing_of_what_is_over_or_used_up(self, unit):
        a_campaign(unit, "review", ends_at=TODAY), a_campaign(unit, "birthday", budget=60, spent=20)
        _member, client = joined(unit)
        assert "Earn more" not in text_of(client.get(OVERVIEW))
