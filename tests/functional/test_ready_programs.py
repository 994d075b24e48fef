"""Ready programs: six questions, what each would have cost, and a draft of ordinary rows that goes live and earns."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from oscar.core.loading import get_model

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.journeys.models import Campaign
from loyalty_oscar.journeys.ready import READY
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import apart
from loyalty_oscar.program.hooks import RAISE, Hook
from loyalty_oscar.program.models import JobRun, Member, Program, Reward, State, TermsVersion
from loyalty_oscar.program.words import points
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.referrals.models import Scheme
from loyalty_oscar.shop.insights import choosing, trials
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.redemption.offer import our_offers
from loyalty_oscar.shop.upkeep import presets, wizard
from loyalty_oscar.shop.upkeep.presets import Answers, Preset
from loyalty_oscar.shop.upkeep.setup import WrongValue
from loyalty_oscar.shop.upkeep.tables import set_up
from loyalty_oscar.testing import clock
from loyalty_oscar.tiers.models import MemberPrice, Tier
from tests.integration.admin.test_saved_unchanged import Form
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.integration.shop.test_words_of_the_shop import german  # noqa: F401 - fixture
from tests.once import a_program
from tests.orders import imported, place

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
CODES = ["cashback", "club", "friends", "points", "stars"]
ANSWERS = {
    "often": "sometimes", "margin": "some", "collects": "points", "levels": "no", "friends": "no", "hold_days": "14",
    "name": "Paw Club",
}  # fmt: skip
#: What two pieces for 25.00 each bring in a shop with some margin: points, and what they are worth (cents).
FIRST_ORDER = {"points": (50, 100), "cashback": (100, 100), "club": (50, 50), "stars": (2, 100), "friends": (50, 50)}


@pytest.fixture(autouse=True)
def in_june():
    """It is 20 June 2026."""
    with clock.at(NOW):
        yield


@pytest.fixture
def owner():
    user = get_user_model().objects.create_superuser("owner", "owner@example.org", "x")
    client = Client()
    client.force_login(user)
    return client


def page():
    return reverse("admin:loyalty_program_program_choose")


def text(response):
    return response.content.decode().replace("\xa0", " ")


def orders(customers=3, each=4):
    """Each of some customers ordered 2 pieces for 25.00 every 50 days."""
    for person in range(customers):
        user = get_user_model().objects.create_user(f"c{person}", f"c{person}@example.com", "x")
        for number in range(each):
            placed_at = NOW - timedelta(days=20 + 50 * number, hours=person)
            imported(user=user, lines=[("25.00", 2)], placed_at=placed_at, number=f"{person}-{number}")


class TestSixQuestions:
    def test_are_reached_from_the_front_page_of_an_empty_shop(self, owner):
        front = text(owner.get(reverse("admin:app_list", args=["loyalty_program"])))
        assert f'href="{page()}">Choose a ready program</a>' in front
        form = owner.get(page()).context["form"]
        assert [name for name in form.fields if name != "name"] == list(Answers.__dataclass_fields__)

    def test_take_few_queries(self, owner, django_assert_max_num_queries):
        owner.get(page())
        with django_assert_max_num_queries(15):
            owner.get(page())

    @pytest.mark.parametrize(
        ("answers", "best"),
        [
            ({}, "points"),
            ({"collects": "money", "levels": "yes"}, "cashback"),
            ({"levels": "yes"}, "club"),
            ({"collects": "stars", "often": "often"}, "stars"),
            ({"friends": "yes", "often": "seldom"}, "friends"),
        ],
    )
    def test_put_the_program_first_for_which_most_answers_speak(self, owner, answers, best):
        cards = owner.post(page(), {**ANSWERS, **answers}).context["cards"]
        assert (cards[0].code, cards[0].is_best) == (best, True)
        assert sorted(card.code for card in cards) == CODES
        assert sum(card.is_best for card in cards) == 1

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("often", ""), ("often", "daily"), ("margin", "x"), ("collects", ""), ("levels", "maybe"), ("friends", ""),
            ("hold_days", "-1"), ("hold_days", "366"), ("hold_days", "x"), ("name", ""), ("name", "x" * 101),
        ],
    )  # fmt: skip
    def test_say_what_is_wrong_at_the_field_and_make_nothing(self, owner, name, value):
        answer = owner.post(page(), {**ANSWERS, "make": "points", name: value})
        assert answer.context["form"].errors[name]
        assert not Program.objects.exists()

    def test_are_for_who_may_add_a_program(self):
        clerk = get_user_model().objects.create_user("clerk", "clerk@example.org", "x", is_staff=True)
        rights = Permission.objects.filter(content_type__app_label="loyalty_program")
        clerk.user_permissions.set(rights.exclude(codename="add_program"))
        client = Client()
        client.force_login(clerk)
        assert (client.get(page()).status_code, client.post(page(), {**ANSWERS, "make": "points"}).status_code) == (
            403,
        ) * 2
        assert not Program.objects.exists()
        assert page() not in text(client.get(reverse("admin:app_list", args=["loyalty_program"])))
        clerk.user_permissions.add(rights.get(codename="add_program"))
        assert client.get(page()).status_code == 200


class TestTheCost:
    def test_is_that_of_a_trial_on_the_orders_of_twelve_months(self, owner):
        orders()
        answer = owner.post(page(), ANSWERS)
        assert "Tried on all 12 orders that customers with an account placed in the last 12 months." in text(answer)
        figures = {card.code: dict(card.cost.figures) for card in answer.context["cards"]}
        all_used = {code: told["Everybody uses all at once"].replace("\xa0", " ") for code, told in figures.items()}
        assert all_used == {
            "points": "€12.00, which is 2.00 % of turnover",
            "cashback": "€12.00, which is 2.00 % of turnover",
            "club": "€6.00, which is 1.00 % of turnover",
            "friends": "€6.00, which is 1.00 % of turnover",
            "stars": "€12.00, which is 2.00 % of turnover",
        }
        assert figures["points"]["Members use 70 %"].startswith("€8.40, which is 1.40")
        assert "Gifts to friends and on birthdays are not in it." in text(answer)

    def test_follows_the_margin(self, owner):
        orders()
        cards = owner.post(page(), {**ANSWERS, "margin": "much"}).context["cards"]
        assert "4.00" in dict(next(c for c in cards if c.code == "points").cost.figures)["Everybody uses all at once"]

    def test_is_asked_of_some_orders_where_there_are_many_and_says_the_same_each_time(self, owner, monkeypatch):
        orders(customers=1, each=7)
        monkeypatch.setattr("loyalty_oscar.shop.insights.trials.AT_ONCE", 5)
        answers = [owner.post(page(), ANSWERS) for _time in range(2)]
        assert "Tried on 5 of the 7 orders" in text(answers[0])
        first, second = ([card.cost for card in answer.context["cards"]] for answer in answers)
        assert first == second

    def test_is_asked_of_customers_who_are_drawn_by_lot(self, owner, monkeypatch):
        orders(customers=12, each=1)
        monkeypatch.setattr("loyalty_oscar.shop.insights.trials.AT_ONCE", 6)
        drawn, gathered = [], trials.gather

        def watched(**told):
            found = gathered(**told)
            drawn.extend(str(order.user_id) for order in found)
            return found

        monkeypatch.setattr(trials, "gather", watched)
        owner.post(page(), ANSWERS)
        customers = map(str, get_model("order", "Order").objects.values_list("user_id", flat=True))
        lots = sorted(customers, key=lambda key: hashlib.md5(key.encode()).hexdigest())
        assert sorted(drawn) == sorted(lots[:6])

    def test_is_shown_by_an_example_where_there_are_no_orders(self, owner):
        html = text(owner.post(page(), ANSWERS))
        assert "There are no orders of customers with an account yet" in html
        assert "A first basket of 2 pieces for €50.00 brings 50 points, worth €1.00." in html
        assert "A first basket of 2 pieces for €50.00 brings 2 stars, worth €1.00." in html
        assert "A first basket of 2 pieces for €50.00 brings €1.00." in html
        assert "of turnover" not in html

    def test_is_left_out_where_nothing_is_listed_that_tries_programs(self, owner, monkeypatch):
        monkeypatch.setattr(wizard, "preset_costs", Hook("none_of_these", wizard.PresetCosts, on_error=RAISE))
        monkeypatch.delitem(Hook.every, "none_of_these")
        answer = owner.post(page(), ANSWERS)
        assert [card.cost for card in answer.context["cards"]] == [wizard.PresetCost()] * len(CODES)
        assert "are not in it" not in text(answer)

    @pytest.mark.parametrize("error", [WrongValue("name: too long"), IntegrityError("taken")])
    def test_of_one_that_cannot_be_made_is_not_known_and_that_of_the_others_is(self, owner, error):
        orders()

        @dataclass(frozen=True, kw_only=True)
        class Broken(Preset):
            def choices(self, **told):
                raise error

        presets.presets.register("broken")(Broken(title="Broken", about="", fits={}))
        try:
            cards = {card.code: card.cost for card in owner.post(page(), ANSWERS).context["cards"]}
        finally:
            presets.presets.unregister("broken")
        [said] = cards.pop("broken").sentences
        assert said == f"What it would have cost could not be worked out: {type(error).__name__}: {error}"
        assert sorted(cards) == CODES
        assert all(cost.figures for cost in cards.values())

    def test_is_not_known_where_the_database_makes_no_tables_apart_and_programs_are_offered_all_the_same(
        self, owner, monkeypatch
    ):
        monkeypatch.setattr(apart, "MAKERS", {})
        answer = owner.post(page(), ANSWERS)
        assert "could not be worked out: NotAllowed" in text(answer)
        assert [card.cost for card in answer.context["cards"]] == [wizard.PresetCost()] * len(CODES)

    def test_is_worked_out_while_orders_of_customers_wait(self, owner, monkeypatch):
        a_program(live_from=NOW - timedelta(days=1))
        user = get_user_model().objects.create_user("anna", "anna@example.com", "x")
        imported(user=user, lines=[("25.00", 2)], placed_at=NOW)
        tried, seen = choosing.sketch, []

        def watched(**told):
            seen.append((Member.objects.count(), Entry.objects.count(), OrderSync.objects.count()))
            return tried(**told)

        monkeypatch.setattr(choosing, "sketch", watched)
        owner.post(page(), ANSWERS)
        assert seen == [(0, 0, 0)]

    def test_is_worked_out_without_a_row_of_the_shop_written_or_locked(self, owner):
        orders()
        a_program(live_from=NOW - timedelta(days=1))
        with CaptureQueriesContext(connection) as queries:
            owner.post(page(), ANSWERS)
        writes = re.compile(r'(?:INTO|UPDATE|DELETE FROM|FROM(?=.* FOR [A-Z ]*UPDATE)) "(\w+)"')
        found = {table for query in queries for table in writes.findall(query["sql"])}
        assert "loyalty_program_program" in found
        assert found <= {model._meta.db_table for model in (JobRun, *set_up(), *wizard.OFFERS)}

    def test_leaves_nothing_behind(self, owner):
        orders()
        a_program(live_from=NOW - timedelta(days=1))
        before = books()
        owner.post(page(), ANSWERS)
        assert books() == before
        assert not our_offers().exists()


class TestChoosing:
    @pytest.mark.parametrize("code", CODES)
    def test_makes_a_draft_that_goes_live_and_whose_first_order_earns(
        self, owner, code, django_capture_on_commit_callbacks
    ):
        answer = owner.post(page(), {**ANSWERS, "make": code, "hold_days": "30", "often": "often"})
        program = Program.objects.get()
        assert answer.url == reverse("admin:loyalty_program_program_change", args=[program.pk])
        assert (program.code, program.name, program.state) == (code, "Paw Club", State.DRAFT)
        assert (program.hold_days, program.expiry_months) == (30, 12)
        assert owner.get(answer.url).status_code == 200
        owner.post(reverse("admin:loyalty_program_program_step", args=[program.pk, "live"]), {"reason": ""})
        customer = get_user_model().objects.create_user("boris", "boris@example.org", "x")
        with clock.at(NOW + timedelta(minutes=1)), django_capture_on_commit_callbacks(execute=True):
            place(user=customer, lines=[("25.00", 2)])
        got, worth = FIRST_ORDER[code]
        assert Account.objects.get().pending == got
        rate = program.worths.get()
        assert got * (1 if program.unit.is_money else rate.minor / rate.points) == worth

    def test_makes_what_the_club_promises(self, owner):
        owner.post(page(), {**ANSWERS, "make": "club"})
        assert list(Tier.objects.values_list("name", "threshold", "percent")) == [
            ("Bronze", 0, 100), ("Silver", 25_000, 100), ("Gold", 100_000, 100),
        ]  # fmt: skip
        assert list(MemberPrice.objects.order_by("pk").values_list("tier__name", "percent")) == [
            ("Silver", 2),
            ("Gold", 4),
        ]

    def test_makes_richer_levels_with_cashback(self, owner):
        owner.post(page(), {**ANSWERS, "make": "cashback"})
        assert list(Tier.objects.values_list("percent", flat=True)) == [100, 150, 250]
        assert not MemberPrice.objects.exists()

    def test_makes_a_card_whose_stars_buy_one_reward_alone(self, owner):
        owner.post(page(), {**ANSWERS, "make": "stars"})
        reward, unit = Reward.objects.get(), Program.objects.get().unit
        assert (reward.price, reward.params, reward.kind, reward.is_on) == (10, {"amount": 500}, "off", True)
        assert points(unit=unit, points=10).replace("\xa0", " ") == "10 stars"
        assert UseTerms.objects.get().is_on is False
        assert Rule.objects.get().type == "per-unit"

    def test_makes_an_invitation_and_a_birthday_present(self, owner):
        owner.post(page(), {**ANSWERS, "make": "friends"})
        scheme = Scheme.objects.get()
        assert (scheme.giver_points, scheme.newcomer_points, scheme.least_minor, scheme.is_on) == (500, 500, 2000, True)
        assert list(Campaign.objects.filter(is_on=True).values_list("code", "points")) == [("happy-birthday", 500)]

    @pytest.mark.parametrize("code", [code for code in CODES if code != "friends"])
    def test_adds_letters_to_look_at_and_switches_none_on(self, owner, code):
        owner.post(page(), {**ANSWERS, "make": code})
        assert Campaign.objects.exists()
        assert not Campaign.objects.filter(is_on=True).exists()

    def test_leads_to_letters_to_read_and_to_terms_to_fill_in(self, owner):
        address = owner.post(page(), {**ANSWERS, "make": "friends"}).url
        html = text(owner.get(address))
        campaign = Campaign.objects.get(code="happy-birthday")
        assert f"{len(READY)} letters to read before you go live" in html
        assert (
            f'href="{reverse("admin:loyalty_journeys_campaign_change", args=[campaign.pk])}">Happy birthday</a>' in html
        )
        assert "The Paw Club is run by [name and address of your shop]." in html
        assert "ready 14 days after it has arrived. It runs out 24 months later" in html

    def test_saves_no_terms_that_nobody_filled_in(self, owner):
        address = owner.post(page(), {**ANSWERS, "make": "points"}).url
        sent = Form(owner.get(address).content.decode()).data
        assert owner.post(address, sent).status_code == 302
        assert not TermsVersion.objects.exists()
        starts = {"terms-0-starts_at_0": "2026-06-20", "terms-0-starts_at_1": "00:00:00"}
        assert owner.post(address, {**sent, **starts, "terms-0-text": "Ours."}).status_code == 302
        assert TermsVersion.objects.get().text == "Ours."
        assert "[name and address" not in text(owner.get(address))

    def test_twice_changes_nothing(self, owner):
        first = owner.post(page(), {**ANSWERS, "make": "club"})
        MemberPrice.objects.all().delete()
        before = books()
        second = owner.post(page(), {**ANSWERS, "make": "club", "margin": "much", "name": "Other"}, follow=True)
        assert second.redirect_chain[0][0] == first.url
        assert "There is a draft of this program already. Nothing was changed." in text(second)
        assert books() == before

    def test_makes_a_second_draft_only_where_that_is_asked_for(self, owner):
        owner.post(page(), {**ANSWERS, "make": "club"})
        html = text(owner.post(page(), ANSWERS))
        assert 'name="again" value="club"' in html
        assert 'name="make" value="club"' not in html
        owner.post(page(), {**ANSWERS, "again": "club"})
        assert list(Program.objects.order_by("pk").values_list("code", "is_default")) == [
            ("club", True),
            ("club-2", False),
        ]

    def test_never_touches_a_program_that_is_live(self, owner):
        owner.post(page(), {**ANSWERS, "make": "stars"})
        live = Program.objects.get()
        owner.post(reverse("admin:loyalty_program_program_step", args=[live.pk, "live"]), {"reason": ""})
        Reward.objects.all().delete()
        live.refresh_from_db()
        version = live.version
        owner.post(page(), {**ANSWERS, "make": "stars"})
        live.refresh_from_db()
        assert (live.state, live.version, live.rewards.count()) == (State.LIVE, version, 0)
        draft = Program.objects.get(code="stars-2")
        assert (draft.state, draft.is_default, draft.rewards.count()) == (State.DRAFT, False, 1)

    def test_ends_at_the_one_draft_where_two_choose_at_once(self, owner, monkeypatch):
        owner.post(page(), {**ANSWERS, "make": "points"})
        made = wizard.make
        calls = []

        def too_late(**told):
            calls.append(told["code"])
            if len(calls) == 1:
                raise IntegrityError("somebody else was first")
            return made(**told)

        monkeypatch.setattr(wizard, "draft_of", lambda *, code: None)
        monkeypatch.setattr(wizard, "free_code", lambda *, code: code)
        monkeypatch.setattr(wizard, "make", too_late)
        owner.post(page(), {**ANSWERS, "make": "points"})
        assert calls == ["points", "points"]
        assert Program.objects.count() == 1

    def test_goes_by_the_words_of_a_german_shop(self, owner, german):  # noqa: F811
        orders()
        assert "Tried on all 12 orders" in text(owner.post(page(), ANSWERS))
        owner.post(page(), {**ANSWERS, "make": "points"})
        assert Program.objects.get().state == State.DRAFT

    def test_ignores_a_program_that_is_not_offered(self, owner):
        assert owner.post(page(), {**ANSWERS, "make": "memberships"}).status_code == 200
        assert not Program.objects.exists()


class TestTheCommand:
    @pytest.mark.parametrize("code", CODES)
    def test_makes_the_same_rows_as_the_page(self, owner, code):
        def rows(program):
            tiers = Tier.objects.filter(ladder__program=program)
            friends = Scheme.objects.filter(program=program)
            campaigns = Campaign.objects.filter(program=program).order_by("code")
            return {
                "program": (program.hold_days, program.expiry_months, program.currency, program.time_zone),
                "unit": (program.unit.names, program.unit.is_money),
                "worth": list(program.worths.values_list("points", "minor")),
                "rules": list(program.rules.values_list("code", "type", "versions__params")),
                "tiers": list(tiers.values_list("name", "threshold", "percent", "member_prices__percent")),
                "rewards": list(program.rewards.values_list("code", "kind", "params", "price")),
                "friends": list(friends.values_list("giver_points", "newcomer_points", "least_minor")),
                "campaigns": list(campaigns.values_list("code", "points", "is_on")),
                "use": program.use_terms.is_on,
            }

        owner.post(page(), {**ANSWERS, "make": code})
        assert manage("setup", "--preset", code, "--code", "typed").code == 0
        assert rows(Program.objects.get(code="typed")) == rows(Program.objects.get(code=code))

    def test_changes_nothing_the_second_time(self):
        manage("setup --preset friends")
        Scheme.objects.all().delete()
        before = books()
        said = manage("setup --preset friends")
        assert "There already" in said.out
        assert books() == before

    def test_switches_it_on(self):
        manage("setup --preset stars")
        Reward.objects.all().delete()
        assert manage("setup --preset stars --live").code == 0
        assert Program.objects.get().state == State.LIVE
        assert not Reward.objects.exists()

    @pytest.mark.parametrize("more", ["--levels", "--campaigns", "--cashback 2"])
    def test_refuses_what_a_preset_says_itself(self, more):
        expect_refusal(f"setup --preset points {more}", says="--preset says itself", code=2)
        assert not Program.objects.exists()

    def test_refuses_a_name_that_is_none(self):
        expect_refusal("setup --preset paid-club", says="invalid choice: 'paid-club'", code=2)


class TestAPresetOfAStore:
    @pytest.fixture
    def bones(self):
        preset = Preset(title="Bones", about="Bones for dogs.", fits={}, needs=("loyalty_oscar.earning",))
        presets.presets.register("bones")(preset)
        yield preset
        presets.presets.unregister("bones")

    def test_is_offered_beside_the_others(self, owner, bones):
        assert "bones" in [card.code for card in owner.post(page(), ANSWERS).context["cards"]]
        owner.post(page(), {**ANSWERS, "make": "bones"})
        assert Program.objects.get().code == "bones"

    def test_is_left_out_where_its_app_is_not_listed(self, owner):
        presets.presets.register("paid")(Preset(title="Paid", about="", fits={}, needs=("loyalty_oscar.memberships",)))
        try:
            assert [card.code for card in owner.post(page(), ANSWERS).context["cards"]].count("paid") == 0
        finally:
            presets.presets.unregister("paid")
