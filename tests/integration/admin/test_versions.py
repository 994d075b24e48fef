"""Copies, drafts and the next version of a rule, planned for a day ahead."""

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from loyalty_oscar.earning.models import Rule
from loyalty_oscar.earning.operations import save_rule, take_back_version
from loyalty_oscar.earning.queries import rule_book
from loyalty_oscar.kernel.errors import NotAllowed
from loyalty_oscar.program.models import Program, Segment
from loyalty_oscar.program.operations import touch_version
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.testing import clock
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.storefront import TODAY, a_club_without_rules, day, text_of

from .test_rules import ADD, page, read_back, typed
from .test_saved_unchanged import Form, save_unchanged


@pytest.fixture
def unit(db):
    return a_club_without_rules()


@pytest.fixture
def rule(unit):
    """5 paws for each piece, on Mondays, since January."""
    narrowed = [{"code": "weekdays", "params": {"days": [1]}}, {"code": "budget", "params": {"points": 900}}]
    told = {"code": "tried", "name": "Tried", "type": "per-unit", "params": {"points": 5}, "narrowed": narrowed}
    return save_rule(unit=unit, actor="system", at=day(1, 1), **told)


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


def gives(unit, at):
    return [rule.rule.points for rule in rule_book(unit_ids=[unit.pk]).at(unit_id=unit.pk, moment=at)]


def plan(root, rule, **fields):
    return root.post(page(rule), typed(name="Tried", **{"p_points": "8", "counts_from": "2026-05-10", **fields}))


class TestANextVersion:
    def test_is_in_force_from_its_day_on_by_the_programs_clocks(self, root, unit, rule):
        assert plan(root, rule).status_code == 302
        midnight = day(5, 9).replace(hour=22)
        moments = [TODAY, midnight.replace(hour=21, minute=59), midnight]
        assert [gives(unit, at) for at in moments] == [[5], [5], [8]]

    def test_stands_on_the_page_which_shows_what_is_in_force(self, root, rule):
        plan(root, rule)
        answer = root.get(page(rule))
        assert read_back(answer).startswith("5 paws for each piece")
        (coming,) = answer.context["coming"]
        assert (coming["day"], strip_tags(coming["says"])[:6]) == ("10 May 2026", "8\xa0paws")
        save_unchanged(root, page(rule), "en")

    def test_stands_in_the_history_by_the_programs_clocks_too(self, root, rule):
        Program.objects.update(time_zone="Asia/Tokyo")
        forget_cache()
        plan(root, rule)
        answer = root.get(page(rule))
        assert answer.context["coming"][0]["day"] == "10 May 2026"
        assert "10 May 2026, 00:00 (JST)" in text_of(answer)

    def test_stays_planned_when_something_else_is_saved_meanwhile(self, root, unit, rule):
        plan(root, rule)
        plan(root, rule, p_points="6", counts_from="")
        assert [gives(unit, at) for at in (TODAY, day(5, 11))] == [[6], [8]]

    def test_is_taken_back_before_it_begins(self, root, unit, rule):
        plan(root, rule)
        (coming,) = root.get(page(rule)).context["coming"]
        assert root.get(coming["url"]).status_code == 403
        assert root.post(coming["url"], follow=True).context["coming"] == []
        assert (rule.versions.count(), gives(unit, day(5, 11))) == (1, [5])

    def test_is_kept_once_it_has_begun(self, root, unit, rule):
        plan(root, rule)
        version = rule.versions.get(number=2)
        with pytest.raises(NotAllowed, match="It has begun"):
            take_back_version(version=version, at=version.valid_from)
        with clock.at(version.valid_from):
            url = reverse("admin:loyalty_earning_rule_take_back", args=[rule.pk, version.pk])
            assert "It has begun" in root.post(url, follow=True).content.decode()
        assert (rule.versions.count(), gives(unit, day(5, 11))) == (2, [8])

    def test_is_not_taken_back_by_who_may_only_look(self, root, staff, rule):
        plan(root, rule)
        _user, client = staff("loyalty_earning.view_rule")
        (coming,) = root.get(page(rule)).context["coming"]
        assert client.post(coming["url"]).status_code == 403
        assert rule.versions.count() == 2

    @pytest.mark.parametrize(
        "silly", ["2026-05-06", "2026-05-05", "0001-01-01", "9999-12-31", "2032-01-01", "soon", "-1", "2026-02-31"]
    )
    def test_that_begins_on_no_day_ahead_is_refused_at_its_field(self, root, rule, silly):
        answer = plan(root, rule, counts_from=silly)
        assert list(answer.context["adminform"].form.errors) == ["counts_from"]
        assert rule.versions.count() == 1

    def test_that_says_the_same_is_none(self, root, rule):
        data = Form(root.get(page(rule)).content.decode()).data
        assert root.post(page(rule), data | {"counts_from": "2026-05-10"}).status_code == 302
        assert rule.versions.count() == 1

    def test_of_a_rule_that_comes_is_shown_with_its_day_and_saved_unchanged(self, root, unit):
        data = typed(name="Comes", unit=unit.pk, p_points="8", counts_from="2026-05-10")
        assert root.post(f"{ADD}?type=per-unit", data).status_code == 302
        rule = Rule.objects.get(code="comes")
        assert Form(root.get(page(rule)).content.decode()).data["counts_from"] == ["2026-05-10"]
        save_unchanged(root, page(rule), "en")
        listed = root.get(reverse("admin:loyalty_earning_rule_changelist")).context["cl"].result_list
        assert [bool(one.is_on) for one in listed] == [False]

    def test_with_less_of_a_budget_leaves_the_one_in_force_all_of_it(self, root, rule):
        rule.budget.__class__.objects.update(taken=600)
        assert plan(root, rule, budget="700", days=["1"]).status_code == 302
        rule.budget.refresh_from_db()
        assert (rule.budget.most, rule.budget.taken) == (900, 600)
        answer = plan(root, rule, budget="599", days=["1"])
        assert "600 have been given already" in answer.context["adminform"].form.errors["budget"][0]

    def test_that_switches_it_off_ends_it_on_its_day(self, root, unit, rule):
        assert plan(root, rule, is_on="").status_code == 302
        assert "From 10 May 2026 it is switched off." in root.get(page(rule)).content.decode()
        assert [gives(unit, at) for at in (TODAY, day(5, 11))] == [[5], []]


class TestACopy:
    def test_says_the_same_and_is_a_rule_of_its_own_switched_off(self, root, unit, rule):
        url = root.get(page(rule)).context["copy_url"]
        data = Form(root.get(url).content.decode()).data
        assert root.post(url, data).status_code == 302
        copy = Rule.objects.get(code="copy-of-tried")
        old, new = rule.versions.get(), copy.versions.get()
        assert (new.params, new.conditions, new.is_on) == (old.params, old.conditions, False)
        assert (copy.name, copy.unit, copy.budget.taken, rule.versions.count()) == ("Copy of Tried", unit, 0, 1)
        assert gives(unit, TODAY) == [5]

    def test_in_force_is_refused_with_a_day_that_is_over(self, root, unit):
        ended = [{"code": "dates", "params": {"last": "2020-01-01"}}]
        told = {"code": "tried", "name": "Tried", "type": "per-unit", "params": {"points": 5}, "narrowed": ended}
        rule = save_rule(unit=unit, actor="system", at=day(1, 1), **told)
        url = root.get(page(rule)).context["copy_url"]
        data = Form(root.get(url).content.decode()).data
        answer = root.post(url, {**data, "is_on": "on"})
        errors = {"last": ["That is over already. Choose a later day, or switch it off."]}
        assert answer.context["adminform"].form.errors == errors
        assert root.post(url, data).status_code == 302

    def test_is_for_levels_and_groups_of_its_own_program_alone(self, root, unit):
        a_ladder(unit=unit)
        group = Segment.objects.create(program=unit.program, code="vip", name="VIP", kind=Segment.Kind.LIST)
        narrowed = [
            {"code": "tier", "params": {"rank": 2}},
            {"code": "segment", "params": {"segment": group.pk}},
        ]
        told = {"code": "tried", "name": "Tried", "type": "per-unit", "params": {"points": 5}, "narrowed": narrowed}
        rule = save_rule(unit=unit, actor="system", at=day(1, 1), **told)
        other = a_program(code="other", name="Other", is_default=False)
        url = root.get(page(rule)).context["copy_url"]
        answer = root.post(url, {**Form(root.get(url).content.decode()).data, "unit": other.pk})
        assert answer.context["adminform"].form.errors == {
            "level": ["“Other” has no such level."],
            "segment": ["“Other” has no such group of members."],
        }

    def test_asks_for_another_level_where_that_of_the_rule_is_gone(self, root, unit):
        ladder = a_ladder(unit=unit)
        told = {"code": "tried", "name": "Tried", "type": "per-unit", "params": {"points": 5}}
        narrowed = [{"code": "tier", "params": {"rank": 2}}]
        rule = save_rule(unit=unit, actor="system", at=day(1, 1), narrowed=narrowed, **told)
        ladder.tiers.get(rank=2).delete()
        touch_version(program_id=unit.program_id)
        url = root.get(page(rule)).context["copy_url"]
        answer = root.post(url, Form(root.get(url).content.decode()).data)
        assert list(answer.context["adminform"].form.errors) == ["level"]

    @pytest.mark.parametrize("key", ["", "0", "x", "-1", "9" * 30])
    def test_of_nothing_is_a_new_rule(self, root, unit, key):
        assert root.get(f"{ADD}?type=per-unit&copy={key}").context["adminform"].form.initial.get("name") is None


class TestADraft:
    def test_is_kept_and_counts_nothing(self, root, unit):
        data = typed(name="Idea", unit=unit.pk, p_points="8", _draft="1")
        assert root.post(f"{ADD}?type=per-unit", data).status_code == 302
        assert (Rule.objects.get().versions.get().is_on, gives(unit, day(5, 11))) == (False, [])
