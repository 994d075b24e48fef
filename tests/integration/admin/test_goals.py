"""Goals in the admin: set up, read back as they are counted, and standing still once an order counts."""

from datetime import timedelta

import pytest
from django.urls import reverse

from loyalty_oscar.journeys.models import Goal, GoalStep
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import ProductSet, Reward
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import (
    GoalFactory,
    MemberFactory,
    ProductSetFactory,
    ProgramFactory,
    RewardFactory,
    SegmentFactory,
)
from tests.integration.tiers.ladders import a_ladder
from tests.storefront import TODAY, a_club_without_rules, a_product, a_user, buy, day, text_of

ADD = reverse("admin:loyalty_journeys_goal_add")


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def unit(db):
    return a_club_without_rules()


@pytest.fixture
def bites(unit):
    product = a_product("Liver bites", "5.00")
    ProductSetFactory(code="treats", name="Treats", products=[product])
    ProductSetFactory(code="toys", name="Toys", products=[a_product("Rope toy", "5.00")])
    return product


def page(goal):
    return reverse("admin:loyalty_journeys_goal_change", args=[goal.pk])


def typed(unit, **fields):
    """What a merchant types; a moment is two fields."""
    data = {"program": unit.program_id, "name": "Every tenth bag", "code": "", "is_on": "on", "metric": "pieces"}
    empty = {f"{name}_{n}": "" for name in ("starts_at", "ends_at") for n in (0, 1)}
    return {
        **data, **empty, "takes": "10", "window_days": "", "repeats": "on", "points": "100", "rank": "0", **fields,
    }  # fmt: skip


def errors(response):
    return {name: said[0] for name, said in response.context["adminform"].form.errors.items()}


def says(root, goal):
    """The sentence on a goal's page."""
    return text_of(root.get(page(goal))).split("This goal reads ")[1].split(". ")[0].removesuffix(" ")


class TestAGoalInTheAdmin:
    def test_is_set_up_and_read_back(self, root, unit, bites):
        root.post(ADD, typed(unit, sets=["treats"]))
        goal = Goal.objects.get()

        assert (goal.code, goal.metric, goal.set_codes, goal.target) == ("every-tenth-bag", "pieces", ["treats"], 10)
        assert (goal.repeats, goal.points, goal.starts_at, goal.window_days) == (True, 100, TODAY, None)
        said = "10 pieces (Treats): 100 paws, each time anew, for orders from 6 May 2026, 12:00 (CEST) on"
        assert says(root, goal) == said
        assert said in text_of(root.get(reverse("admin:loyalty_journeys_goal_changelist")))

    def test_is_a_challenge_for_a_level_and_a_list_that_gives_a_reward(self, root, unit, bites):
        a_ladder(unit=unit)
        segment = SegmentFactory(program=unit.program, name="Friends")
        reward = RewardFactory(program=unit.program, name="A grooming")
        more = {"points": "", "reward": reward.pk, "rank": "2", "segment": segment.pk, "repeats": ""}
        dates = {"starts_at_0": "2026-06-01", "starts_at_1": "00:00:00", "ends_at_0": "2026-09-01"}
        root.post(ADD, typed(unit, metric="orders", takes="3", window_days="60", ends_at_1="00:00:00", **more, **dates))

        goal = Goal.objects.get()
        assert (goal.points, goal.reward, goal.rank, goal.segment) == (0, reward, 2, segment)
        assert says(root, goal) == (
            "3 orders within 60 days: “A grooming”, once for each member, for level Silver and above, only for the"
            " group “Friends”, for orders from 1 June 2026, 00:00 (CEST) on, placed before 1 September 2026,"
            " 00:00 (CEST)"
        )

    def test_takes_money_as_an_amount(self, root, unit):
        root.post(ADD, typed(unit, metric="spend", takes="99.90", repeats=""))

        goal = Goal.objects.get()
        assert goal.target == 9990
        assert says(root, goal).startswith("€99.90: 100 paws, once for each member")

    @pytest.mark.parametrize(
        ("fields", "field", "said"),
        [
            ({"takes": "0"}, "takes", "Everybody has reached that. Write more."),
            ({"takes": "2.5"}, "takes", "Write a whole number."),
            ({"takes": "5000000000"}, "takes", "That is more than can be stored."),
            ({"metric": "sets", "takes": "3", "sets": ["treats", "toys"]}, "takes", "Nobody can reach that"),
            ({"metric": "sets", "takes": "2", "sets": ["toys"]}, "sets", "Tick at least 2."),
            ({"metric": "orders", "sets": ["toys"]}, "sets", "This does not count by products. Tick none."),
            ({"window_days": "0"}, "window_days", "greater than or equal to 1"),
            ({"points": ""}, "points", "How much, or which reward?"),
            ({"points": "5", "reward": "own"}, "points", "Say how much or choose a reward, not both."),
            ({"points": "", "reward": "other"}, "reward", "valid choice"),
            ({"metric": ""}, "metric", "required"),
            ({"name": "日本"}, "code", "None can be made from this name. Write one."),
            ({"code": "there"}, "code", "There is a goal with this code already. Choose another code."),
            (
                {"starts_at_0": "2026-05-06", "starts_at_1": "11:59:59"},
                "starts_at",
                "Orders from before now are not counted.",
            ),
            ({"ends_at_0": "2026-05-06", "ends_at_1": "12:00:00"}, "ends_at", "That is over already."),
        ],
    )
    def test_says_what_is_wrong_at_its_field(self, root, unit, bites, fields, field, said):
        GoalFactory(program=unit.program, code="there")
        other = RewardFactory(program=ProgramFactory(code="other", is_default=False))
        rewards = {"own": RewardFactory(program=unit.program).pk, "other": other.pk}
        data = {**fields, **({"reward": rewards[fields["reward"]]} if "reward" in fields else {})}

        assert said in errors(root.post(ADD, typed(unit, **data)))[field]
        assert Goal.objects.count() == 1

    def test_asks_before_it_gives_a_lot(self, root, unit):
        assert "more than the usual" in errors(root.post(ADD, typed(unit, points="50000")))["is_meant"]

        root.post(ADD, typed(unit, points="50000", is_meant="on"))
        assert Goal.objects.get().points == 50_000


class TestOnceAnOrderCounts:
    @pytest.fixture
    def goal(self, unit, bites):
        return GoalFactory(program=unit.program, name="Every tenth bag", sets=["treats"])

    @pytest.fixture
    def order(self, unit, bites, goal):
        user = a_user()
        MemberFactory(program=unit.program, user=user, joined_at=day(1, 1))
        return buy(user, (bites, 23), on=day(5, 1))

    def test_it_stands_still_but_for_name_and_end(self, root, goal, order):
        shown = root.get(page(goal)).content.decode()
        assert 'name="takes"' not in shown
        assert "Times reached so far: 2. Members who did: 1." in shown

        root.post(page(goal), {"name": "The bags", "ends_at_0": "2026-07-01", "ends_at_1": "00:00:00", "is_on": ""})
        goal.refresh_from_db()
        assert (goal.name, goal.is_on, goal.target, goal.points) == ("The bags", False, 10, 100)

    def test_what_was_typed_before_that_is_refused(self, root, unit, goal, order):
        data = typed(unit, sets=["treats"], takes="5", starts_at_0="2025-01-01", starts_at_1="01:00:00")

        said = errors(root.post(page(goal), data))
        assert said["takes"] == "Orders count for it meanwhile, so this stays as it was."
        goal.refresh_from_db()
        assert goal.target == 10

    def test_one_that_is_over_stays_over(self, root, goal, order):
        Goal.objects.update(ends_at=TODAY - timedelta(days=1))

        data = {"name": "The bags", "ends_at_0": "2026-07-01", "ends_at_1": "00:00:00", "is_on": "on"}
        assert errors(root.post(page(goal), data)) == {"ends_at": "This goal is over. Add another one."}

    def test_it_cannot_be_deleted(self, root, goal, order):
        delete = reverse("admin:loyalty_journeys_goal_delete", args=[goal.pk])
        assert root.post(delete, {"post": "yes"}).status_code == 403
        assert Goal.objects.exists()

        GoalStep.objects.all().delete()
        assert root.post(delete, {"post": "yes"}).status_code == 302
        assert not Goal.objects.exists()

    def test_its_product_set_and_its_reward_are_in_use(self, root, unit, bites):
        reward = RewardFactory(program=unit.program)
        GoalFactory(program=unit.program, sets=["treats"], reward=reward)

        for row in (ProductSet.objects.get(code="treats"), reward):
            label = row._meta.model_name
            root.post(reverse(f"admin:loyalty_program_{label}_delete", args=[row.pk]), {"post": "yes"})
        assert ProductSet.objects.filter(code="treats").exists()
        assert Reward.objects.exists()


class TestWhatTheSentenceSays:
    """It is tested against orders at its boundaries."""

    @pytest.fixture
    def boris(self, unit):
        user = a_user()
        MemberFactory(program=unit.program, user=user, joined_at=day(1, 1))
        return user

    def gifts(self):
        return Entry.objects.filter(key__startswith="goal:").count()

    @pytest.mark.parametrize(("pieces", "gifts"), [(9, 0), (10, 1), (19, 1), (20, 2)])
    def test_of_a_stamp_card(self, root, unit, boris, bites, pieces, gifts):
        root.post(ADD, typed(unit, sets=["treats"]))
        buy(boris, (bites, pieces), on=TODAY)
        assert self.gifts() == gifts

    @pytest.mark.parametrize(("pieces", "gifts"), [(19, 0), (20, 1), (40, 1)])
    def test_of_a_threshold_of_money(self, root, unit, boris, bites, pieces, gifts):
        root.post(ADD, typed(unit, metric="spend", takes="100.00", repeats=""))
        buy(boris, (bites, pieces), on=TODAY)
        assert self.gifts() == gifts

    @pytest.mark.parametrize(("days", "gifts"), [(59, 1), (60, 0)])
    def test_of_days(self, root, unit, boris, bites, days, gifts):
        root.post(ADD, typed(unit, metric="orders", takes="2", window_days="60"))
        for on in (TODAY, TODAY + timedelta(days=days)):
            buy(boris, (bites, 1), on=on)
        assert self.gifts() == gifts

    @pytest.mark.parametrize(("seconds", "gifts"), [(-1, 1), (0, 0)])
    def test_of_its_end(self, root, unit, boris, bites, seconds, gifts):
        root.post(ADD, typed(unit, takes="1", ends_at_0="2026-05-08", ends_at_1="12:00:00"))
        buy(boris, (bites, 1), on=day(5, 8) - timedelta(hours=2) + timedelta(seconds=seconds))
        assert self.gifts() == gifts


class TestWhatAGoalCosts:
    def asked(self, root, unit, **fields):
        found = root.post(ADD, typed(unit, **fields))
        told = errors(found) if found.status_code == 200 else {}
        return {name: text.replace("\xa0", " ") for name, text in told.items()}

    def test_is_refused_where_no_measure_holds(self, root, unit):
        found = self.asked(root, unit, metric="spend", takes="0.01", points="9999", is_meant="on")
        assert found == {"points": "That is too much for so little money: at most 1,000 paws."}
        assert not Goal.objects.exists()

    @pytest.mark.parametrize(("takes", "asks"), [("4.00", False), ("3.99", True), ("0.10", True)])
    def test_is_asked_about_as_a_part_of_the_money(self, root, unit, takes, asks):
        found = self.asked(root, unit, metric="spend", takes=takes, points="100")
        assert list(found) == (["is_meant"] if asks else [])
        if asks:
            assert "% of the money that it asks for. Tick this" in found["is_meant"]
            assert self.asked(root, unit, metric="spend", takes=takes, points="100", is_meant="on") == {}
        assert Goal.objects.count() == 1

    @pytest.mark.parametrize(("points", "asks"), [("2000", False), ("2001", True)])
    def test_is_asked_about_for_what_orders_bring_each_time(self, root, unit, points, asks):
        found = self.asked(root, unit, metric="orders", takes="1", points=points)
        assert found == (
            {"is_meant": "Each time brings €20.01 (2,001 paws), more than the usual €20.00. Tick this if you mean it."}
            if asks
            else {}
        )

    @pytest.mark.parametrize(("cost", "asks"), [(2000, False), (2001, True)])
    def test_is_told_and_asked_about_for_a_reward(self, root, unit, cost, asks):
        reward = RewardFactory(program=unit.program, name="A grooming", price=None, cost_minor=cost)
        answer = root.post(ADD, typed(unit, metric="orders", takes="1", points="", reward=reward.pk))
        assert (answer.status_code == 200) is asks
        if asks:
            assert errors(answer)["is_meant"].startswith("Each time brings €20.01, more than the usual €20.00.")
            assert "Worth of “A grooming”: €20.01." in text_of(answer)

    def test_is_not_asked_about_again_where_it_stays(self, root, unit):
        goal = GoalFactory(program=unit.program, metric="spend", params={}, target=100, points=1000, starts_at=TODAY)
        data = {name: value for name, value in typed(unit, metric="spend", takes="1.00").items() if name != "code"}
        data |= {"points": "1000", "starts_at_0": "2026-05-06", "starts_at_1": "12:00:00"}
        assert root.post(page(goal), data).status_code == 302
        assert list(errors(root.post(page(goal), {**data, "points": "1001"}))) == ["is_meant"]
