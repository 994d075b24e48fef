"""The calendar of campaigns: on which day each speaks, to how many, and whose letter waits for the pause."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from django.db import IntegrityError
from django.urls import reverse

from loyalty_oscar.journeys import calendar
from loyalty_oscar.journeys.calendar import DAYS, count_ahead, speeches
from loyalty_oscar.journeys.models import Campaign, Forecast, Occurrence
from loyalty_oscar.journeys.occasions import Occasion, occasions
from loyalty_oscar.kernel.errors import LoyaltyError
from loyalty_oscar.kernel.periods import start_of_day
from loyalty_oscar.people.models import Contact
from loyalty_oscar.people.operations import save_birthday
from loyalty_oscar.program.models import Program
from loyalty_oscar.program.rows import write_rows
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import SegmentFactory
from tests.integration.journeys.deeds import a_campaign, a_member, a_night, allows, says
from tests.once import a_program
from tests.storefront import TODAY, text_of

NUMBERS = count(1)
PAGE = reverse("admin:loyalty_journeys_calendar")
TODAYS = TODAY.date()


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def view(staff):
    """Somebody who may look at campaigns, and no more."""
    return staff("loyalty_journeys.view_campaign")[1]


def members(unit, number):
    return [a_member(unit, f"{next(NUMBERS)}@example.com") for _time in range(number)]


def born(member, day):
    save_birthday(member=member, day=day.day, month=day.month, at=TODAY - timedelta(days=100))
    return member


def on(days):
    return TODAYS + timedelta(days=days)


def a_day(unit, days, **fields):
    day = on(days)
    return a_campaign(unit, "day", params={"day": day.day, "month": day.month}, **{"points": 50, **fields})


def occurred(campaign, member, source, **fields):
    told = {"state": "done", "at": TODAY, "points": 0, **fields}
    return Occurrence.objects.create(program=campaign.program, campaign=campaign, member=member, source=source, **told)


def ahead(campaign):
    """What was counted of the days ahead: days from today, members, those without consent, whose letter waits."""
    rows = Forecast.objects.filter(campaign=campaign).order_by("day")
    return [((row.day - TODAYS).days, row.members, row.without, row.close) for row in rows]


def the_night():
    return sum(count_ahead(at=TODAY))


def cell(client, day):
    """What stands on a day of the page of its month."""
    page = client.get(PAGE, {"month": f"{day:%Y-%m}"}).content.decode()
    found = re.search(rf'<time datetime="{day}">.*?</td>', page, re.DOTALL)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", found).split())


class TestTheDaysAhead:
    @pytest.mark.parametrize(("days", "found"), [(0, False), (1, True), (DAYS, True), (DAYS + 1, False)])
    def test_are_from_tomorrow_on(self, unit, days, found):
        campaign = a_campaign(unit, "birthday")
        born(*members(unit, 1), on(days))
        the_night()
        assert ahead(campaign) == ([(days, 1, 0, 0)] if found else [])

    @pytest.mark.parametrize(("delay", "days"), [(0, 3), (10, 13)])
    def test_are_those_on_which_it_comes_after_its_delay(self, unit, delay, days):
        campaign = a_campaign(unit, "birthday", delay_days=delay)
        born(*members(unit, 1), on(3))
        the_night()
        assert ahead(campaign) == [(days, 1, 0, 0)]

    def test_are_those_of_the_clock_on_the_wall(self, unit):
        """On 25 October the clocks of Berlin are put back: ten days after the 20th it is the 30th all the same."""
        campaign = a_campaign(unit, "birthday", delay_days=10)
        born(*members(unit, 1), date(2026, 10, 20))
        list(count_ahead(at=start_of_day(day=date(2026, 10, 15), zone=unit.program.time_zone)))
        assert [row.day for row in Forecast.objects.filter(campaign=campaign)] == [date(2026, 10, 30)]

    def test_are_nobodys_where_nothing_is_left(self, unit):
        campaign = a_campaign(unit, "birthday", most=1, given=1)
        born(*members(unit, 1), on(3))
        the_night()
        assert ahead(campaign) == []

    def test_go_with_a_program_that_pauses(self, unit):
        campaign = a_campaign(unit, "birthday")
        born(*members(unit, 1), on(3))
        the_night()
        assert ahead(campaign)
        Program.objects.filter(pk=unit.program_id).update(state="paused")
        the_night()
        assert ahead(campaign) == []

    def test_count_what_waits_already_and_not_twice(self, unit):
        campaign = a_campaign(unit, "birthday", delay_days=5)
        born(*members(unit, 1), TODAYS)
        a_night(TODAY)
        assert Occurrence.objects.filter(is_open=True).count() == 1
        the_night()
        assert ahead(campaign) == [(5, 1, 0, 0)]

    @pytest.mark.parametrize(("days", "found"), [(4, []), (5, []), (6, [(5, 1, 0, 0)])])
    def test_end_with_the_campaign(self, unit, days, found):
        ends_at = start_of_day(day=on(days), zone=unit.program.time_zone)
        campaign = a_campaign(unit, "birthday", ends_at=ends_at)
        born(*members(unit, 1), on(5))
        the_night()
        assert ahead(campaign) == found

    def test_are_for_those_for_whom_it_is_and_who_are_not_held_out(self, unit):
        people = members(unit, 4)
        group = SegmentFactory(program=unit.program, members=people[:3])
        campaign = a_day(unit, 9, segment=group, is_public=False)
        the_night()
        assert ahead(campaign) == [(9, 3, 0, 0)]
        Program.objects.update(holdout_percent=100)
        the_night()
        assert ahead(campaign) == [(9, 0, 0, 0)]

    @pytest.mark.parametrize(("is_public", "members_told"), [(True, 3), (False, 1)])
    def test_tell_those_without_consent_apart(self, unit, is_public, members_told):
        people = members(unit, 3)
        allows(people[0])
        campaign = says(a_day(unit, 2, is_public=is_public))
        the_night()
        assert ahead(campaign) == [(2, members_told, 2, 0)]

    def test_are_counted_anew_each_night(self, unit):
        campaign = a_day(unit, 2)
        members(unit, 1)
        the_night()
        members(unit, 1)
        the_night()
        assert ahead(campaign) == [(2, 2, 0, 0)]
        Campaign.objects.update(is_on=False)
        the_night()
        assert not Forecast.objects.exists()

    def test_of_one_that_fails_keep_no_other_waiting(self, unit):
        def fails(**about):
            raise RuntimeError("no answer")

        occasions.register("broken")(Occasion(due=fails))
        try:
            a_campaign(unit, "broken")
            campaign = a_day(unit, 2)
            members(unit, 1)
            with pytest.raises(LoyaltyError, match="could not count: 1"):
                the_night()
        finally:
            occasions.unregister("broken")
        assert ahead(campaign) == [(2, 1, 0, 0)]

    def test_of_one_that_fails_stay_as_they_were_counted(self, unit):
        member, is_broken = members(unit, 1)[0], []

        def due(**about):
            yield member.pk, "broken", TODAY + timedelta(days=3)
            if is_broken:
                raise RuntimeError("no answer")

        occasions.register("broken")(Occasion(due=due))
        try:
            campaign, other = a_campaign(unit, "broken"), a_day(unit, 2)
            the_night()
            is_broken.append(True)
            members(unit, 1)
            with pytest.raises(LoyaltyError, match="could not count: 1"):
                the_night()
        finally:
            occasions.unregister("broken")
        assert (ahead(campaign), ahead(other)) == ([(3, 1, 0, 0)], [(2, 2, 0, 0)])

    def test_of_a_program_that_fails_keep_no_other_waiting(self, unit, monkeypatch):
        def written(*, rows):
            if rows[0].campaign.program_id == unit.program_id:
                raise IntegrityError("its campaign was deleted")
            write_rows(rows=rows)

        there = a_program(live_from=TODAY - timedelta(days=9), code="two", name="Two", is_default=False)
        campaigns = [a_day(one, 2) for one in (unit, there)]
        members(unit, 1), members(there, 1)
        the_night()
        members(unit, 1), members(there, 1)
        monkeypatch.setattr(calendar, "write_rows", written)
        with pytest.raises(LoyaltyError, match="could not count: 1"):
            the_night()
        assert [ahead(one) for one in campaigns] == [[(2, 1, 0, 0)], [(2, 2, 0, 0)]]

    @pytest.mark.parametrize("number", [1, 2, 3, 5])
    def test_are_all_however_many_are_looked_at_at_once(self, unit, monkeypatch, number):
        monkeypatch.setattr(calendar, "MOST", 2)
        people = members(unit, number)
        found, on_day, waits = a_campaign(unit, "birthday"), a_day(unit, 4), a_campaign(unit, "order-placed")
        for days, member in enumerate(people, 1):
            born(member, on(days))
            due = {"state": "planned", "is_open": True, "due_at": TODAY + timedelta(days=7)}
            occurred(waits, member, "order:1:placed", **due)
        the_night()
        assert ahead(found) == [(days, 1, 0, 0) for days in range(1, number + 1)]
        assert (ahead(on_day), ahead(waits)) == ([(4, number, 0, 0)], [(7, number, 0, 0)])

    @pytest.mark.parametrize("at_once", [1, 10])
    def test_count_a_member_once_a_day_whatever_comes(self, unit, monkeypatch, at_once):
        monkeypatch.setattr(calendar, "MOST", at_once)
        campaign, member = says(a_campaign(unit, "order-placed")), allows(*members(unit, 1))
        for number, days in enumerate((5, 5, 5, 6)):
            due = {"state": "planned", "is_open": True, "due_at": TODAY + timedelta(days=days)}
            occurred(campaign, member, f"order:{number}:placed", **due)
        the_night()
        assert ahead(campaign) == [(5, 1, 0, 0), (6, 1, 0, 1)]

    @pytest.mark.parametrize(
        ("limits", "found"),
        [
            ({}, [4, 2]),
            ({"most": 1, "given": 1}, []),
            ({"most": 6, "given": 3}, [3, 0]),
            ({"most": 6, "given": 1}, [4, 1]),
            ({"most": 6}, [4, 2]),
            ({"budget": 100, "spent": 51}, []),
            ({"budget": 100, "spent": 50}, [1, 0]),
            ({"budget": 1000, "most": 5}, [4, 1]),
            ({"budget": 249, "points": 0}, [4, 2]),
        ],
    )
    def test_are_as_many_as_it_has_left(self, unit, limits, found):
        for number, member in enumerate(members(unit, 6)):
            born(member, on(1 if number < 4 else 2))
        campaign = a_campaign(unit, "birthday", **{"points": 50, **limits})
        the_night()
        assert [row[1] for row in ahead(campaign)] == found

    @pytest.mark.parametrize(("is_public", "told"), [(True, (2, 2)), (False, (1, 4))])
    def test_tell_no_more_without_consent_than_it_comes_to(self, unit, is_public, told):
        people = members(unit, 5)
        allows(people[0])
        campaign = says(a_day(unit, 2, is_public=is_public, most=2))
        the_night()
        assert ahead(campaign) == [(2, *told, 0)]

    @pytest.mark.parametrize(
        ("at", "born_on", "delay", "day"),
        [
            ((10, 6), (10, 20), 10, (10, 30)),
            ((10, 30), (10, 1), 30, (10, 31)),
            ((3, 20), (3, 25), 10, (4, 4)),
            ((3, 30), (3, 1), 30, (3, 31)),
        ],
    )
    def test_are_by_the_clock_on_the_wall(self, unit, at, born_on, delay, day):
        Program.objects.update(time_zone="Europe/Berlin")
        campaign, (member,) = a_campaign(unit, "birthday", delay_days=delay), members(unit, 1)
        save_birthday(member=member, day=born_on[1], month=born_on[0], at=TODAY - timedelta(days=200))
        list(count_ahead(at=datetime(2026, *at, 12, tzinfo=UTC)))
        assert [*Forecast.objects.filter(campaign=campaign).values_list("day", flat=True)] == [date(2026, *day)]


class TestThePause:
    """Between two letters to a member lie so many days of the program (3, as it is set up)."""

    @pytest.mark.parametrize(("apart", "waits"), [(0, 1), (1, 1), (2, 1), (3, 0)])
    def test_is_kept_between_two_letters_ahead(self, unit, apart, waits):
        assert unit.program.letter_days == 3
        allows(*members(unit, 1))
        first, second = says(a_day(unit, 5)), says(a_day(unit, 5 + apart))
        the_night()
        assert (ahead(first), ahead(second)) == ([(5, 1, 0, 0)], [(5 + apart, 1, 0, waits)])

    @pytest.mark.parametrize(("ago", "waits"), [(1, 1), (2, 0)])
    def test_is_kept_after_the_last_letter_that_left(self, unit, ago, waits):
        member = allows(*members(unit, 1))
        Contact.objects.update_or_create(member=member, defaults={"told_at": TODAY - timedelta(days=ago)})
        campaign = says(a_day(unit, 1))
        the_night()
        assert ahead(campaign) == [(1, 1, 0, waits)]

    def test_counts_what_waits_from_when_it_can_leave(self, unit):
        allows(*members(unit, 1))
        campaigns = [says(a_day(unit, days)) for days in (5, 6, 10)]
        the_night()
        assert [ahead(one)[0][3] for one in campaigns] == [0, 1, 1], "the second leaves on day 8"

    def test_is_none_for_what_says_nothing(self, unit):
        allows(*members(unit, 1))
        says(a_day(unit, 5))
        silent = a_day(unit, 6)
        the_night()
        assert ahead(silent) == [(6, 1, 0, 0)]


class TestThePage:
    def test_shows_what_came_what_waits_and_what_is_to_come(self, view, unit):
        people = [allows(one) for one in members(unit, 2)]
        for days, name in ((0, "Today’s"), (2, "To come")):
            says(a_day(unit, days, name=name))
        members(unit, 1)
        assert a_night(TODAY) == 3
        Occurrence.objects.filter(member=people[0]).update(at=TODAY - timedelta(days=1))
        waits = a_campaign(unit, "order-placed", name="Waits")
        Occurrence.objects.create(
            program=unit.program, campaign=waits, member=people[0], source="order:1:placed", state="planned",
            is_open=True, due_at=TODAY, at=TODAY, points=0,
        )  # fmt: skip
        the_night()
        assert cell(view, on(-1)).endswith("Today’s Came to 1 member.")
        assert cell(view, on(0)).endswith("Today’s Came to 2 members. Waits For 1 member.")
        wanted = "To come For 3 members. 1 of them allows no letters, and finds it in the account."
        assert cell(view, on(2)).endswith(wanted)

    def test_counts_a_member_once_a_day_whatever_comes(self, view, unit):
        campaign, (member,) = a_campaign(unit, "order-placed", name="Thanks"), members(unit, 1)
        for number in range(3):
            occurred(campaign, member, f"order:{number}:placed", at=TODAY - timedelta(days=1))
            occurred(campaign, member, f"order:1{number}:placed", state="planned", is_open=True, due_at=TODAY)
        assert cell(view, on(-1)).endswith("Thanks Came to 1 member.")
        assert cell(view, on(0)).endswith("Thanks For 1 member.")

    @pytest.mark.parametrize("state", ["draft", "live", "paused", "closing", "closed"])
    def test_shows_nothing_to_come_of_a_program_that_does_not_speak(self, view, unit, state):
        member = members(unit, 1)[0]
        a_day(unit, 2, name="Counted")
        the_night()
        a_day(unit, 3, name="New")
        occurred(
            a_campaign(unit, "order-placed", name="Waits"), member, "x", state="planned", is_open=True, due_at=TODAY
        )
        Program.objects.update(state=state)
        told = "".join(cell(view, on(days)) for days in (0, 2, 3))
        assert {name in told for name in ("Counted", "New", "Waits")} == {state in ("live", "closing")}

    @pytest.mark.parametrize("has_left", [True, False])
    def test_shows_nothing_to_come_of_what_has_nothing_left(self, view, unit, has_left):
        members(unit, 1)
        campaigns = [a_day(unit, 2, name="Counted", most=2)]
        the_night()
        campaigns.append(a_day(unit, 3, name="New", most=2))
        Campaign.objects.update(given=1 if has_left else 2)
        for days, campaign in zip((2, 3), campaigns, strict=True):
            assert (campaign.name in cell(view, on(days))) == has_left

    @pytest.mark.parametrize(("delay", "month", "day"), [(7, 6, 4), (3, 5, 31), (4, 6, 1), (0, 5, 28), (34, 7, 1)])
    def test_names_the_day_of_a_new_one_after_its_delay(self, unit, delay, month, day):
        a_campaign(unit, "day", params={"day": 28, "month": 5}, delay_days=delay)
        found = {one: speeches(program=unit.program, month=date(2026, one, 1), at=TODAY) for one in (5, 6, 7)}
        told = [(one, when.day, said[0].members) for one, days in found.items() for when, said in days.items()]
        assert told == [(month, day, None)]

    def test_finds_what_came_in_a_month_over_an_index(self, unit):
        rows = calendar._came(unit.program, TODAYS.replace(day=1), on(31))
        assert "COALESCE" not in str(rows.query).partition(" WHERE ")[2].partition(" GROUP BY ")[0]
        assert ["program", "told_at", "at"] in [index.fields for index in Occurrence._meta.indexes]

    @pytest.mark.parametrize(
        ("at", "told_at", "days"),
        [(-40, -1, [-1]), (-2, None, [-2]), (-40, None, []), (-6, None, []), (-5, None, [-5]), (-40, -6, [])],
    )
    def test_finds_it_by_its_letter_or_else_by_its_day(self, unit, at, told_at, days):
        told_at = None if told_at is None else TODAY + timedelta(days=told_at)
        occurred(a_campaign(unit), *members(unit, 1), "x", at=TODAY + timedelta(days=at), told_at=told_at)
        found = speeches(program=unit.program, month=TODAYS.replace(day=1), at=TODAY)
        assert [*found] == [on(one) for one in days]

    def test_names_letters_that_wait_for_the_pause(self, view, unit):
        for one in members(unit, 2):
            allows(one)
        says(a_day(unit, 5, name="First")), says(a_day(unit, 6, name="Second"))
        the_night()
        assert cell(view, on(6)).endswith("Second For 2 members. 2 letters wait for the pause after another one.")

    def test_leaves_out_what_nobody_gets_but_on_a_day_of_its_own(self, view, unit):
        born(*members(unit, 1), on(4))
        says(a_campaign(unit, "birthday", name="Found", is_public=False))
        says(a_day(unit, 4, name="Its day", is_public=False))
        the_night()
        assert Forecast.objects.count() == 2
        told = cell(view, on(4))
        assert told.endswith("Its day For 0 members. 1 more allows no letters, and gets nothing.")
        assert "Found" not in told

    def test_says_of_a_new_one_that_nobody_counted_yet(self, view, unit):
        a_day(unit, 3, name="New")
        assert cell(view, on(3)).endswith("New To whom is not counted yet.")
        the_night()
        assert cell(view, on(3)).endswith("New For 0 members.")
        Campaign.objects.update(is_on=False)
        assert "New" not in cell(view, on(3))

    def test_counts_a_letter_on_the_day_on_which_it_left(self, unit):
        campaign = a_day(unit, -4)
        Occurrence.objects.create(
            program=unit.program, campaign=campaign, member=a_member(unit), source="x", state="done",
            at=TODAY - timedelta(days=4), told_at=TODAY - timedelta(days=2), points=0,
        )  # fmt: skip
        found = speeches(program=unit.program, month=TODAYS.replace(day=1), at=TODAY)
        assert [(day, one.members) for day, said in found.items() for one in said] == [(on(-2), 1)]

    def test_is_empty_and_says_so(self, view, unit):
        told = text_of(view.get(PAGE))
        assert f"No campaign says anything in {TODAY:%B %Y}, as far as anybody knows today." in told

    def test_stands_without_a_program(self, view):
        assert "There is no program yet." in text_of(view.get(PAGE))

    @pytest.mark.parametrize(
        "asked", [{"month": "2026-13"}, {"month": "soon"}, {"program": "none"}, {"month": "1999-01"}]
    )
    def test_says_what_makes_no_sense(self, view, unit, asked):
        answer = view.get(PAGE, asked)
        assert answer.status_code == 200
        assert "There is nothing of that name. Choose from the list." in text_of(answer)
        assert "loyalty-month" not in answer.content.decode()

    def test_leads_to_the_months_beside_it_as_far_as_there_are_any(self, view, unit):
        last = view.get(PAGE).context["form"].months
        for month, rels in ((last[0], ["prev"]), (last[1], ["prev", "next"]), (last[-1], ["next"])):
            page = view.get(PAGE, {"month": f"{month:%Y-%m}"}).content.decode()
            assert re.findall(r'rel="(prev|next)"', page) == rels

    def test_is_linked_from_the_list_for_those_who_may_look(self, view, staff, unit):
        assert f'href="{PAGE}"' in view.get(reverse("admin:loyalty_journeys_campaign_changelist")).content.decode()
        assert staff("loyalty_program.view_member")[1].get(PAGE).status_code == 403

    def test_asks_as_much_however_many_campaigns_and_members(self, view, unit, django_assert_max_num_queries):
        asked = []
        for number in (1, 6):
            for one in members(unit, number):
                born(allows(one), on(3))
            for days in range(number):
                says(a_day(unit, days))
                says(a_campaign(unit, "birthday"))
            a_night(TODAY)
            the_night()
            with django_assert_max_num_queries(15) as captured:
                view.get(PAGE)
            asked.append(len(captured))
        assert asked[0] == asked[1]

    def test_knows_the_day_of_its_program(self, view, unit):
        Program.objects.update(time_zone="Pacific/Kiritimati")
        late = TODAY.replace(hour=20)
        with clock.at(late):
            page = view.get(PAGE).content.decode()
        assert re.search(rf'aria-current="date"><time datetime="{late.date() + timedelta(days=1)}"', page)
        assert date.fromisoformat(re.search(r'<time datetime="([\d-]+)"', page)[1]).day == 1
