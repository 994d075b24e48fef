"""Goals of a program in the admin: shares in percent, the start filled in, and every slip told at its field."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse

from loyalty_oscar.insights.models import Aim
from loyalty_oscar.insights.monthly import count_months
from loyalty_oscar.people.models import Receipt
from loyalty_oscar.testing import clock
from tests.storefront import text_of

NOW = datetime(2026, 6, 20, 3, tzinfo=UTC)
ADD = reverse("admin:loyalty_insights_aim_add")


@pytest.fixture(autouse=True)
def in_june():
    with clock.at(NOW):
        yield


@pytest.fixture
def months(unit):
    """Four customers in April, of whom one came again in May; a fifth in May."""
    rows = [("a", 4), ("b", 4), ("c", 4), ("d", 4), ("a", 5), ("e", 5)]
    told = {"program": unit.program, "currency": unit.program.currency, "pieces": 1, "changed_at": NOW}
    told |= {"goods_minor": 100, "paid_minor": 100}
    Receipt.objects.bulk_create(
        Receipt(order_id=n, buyer=buyer, placed_at=datetime(2026, month, 10, 12, tzinfo=UTC), **told)
        for n, (buyer, month) in enumerate(rows)
    )
    list(count_months(at=NOW))


def sent(unit, **fields):
    usual = {"program": unit.program_id, "figure": "repeat", "length": "3", "window": "90", "reaches": "60.5"}
    return {**usual, "starts_on": "2026-06-01", "begins": "", "ends_on": "2027-06-01", **fields}


class TestAGoal:
    @pytest.mark.parametrize(
        ("figure", "begins", "reaches", "stored"),
        [
            # One of five had two orders.
            ("repeat", "", "60.5", (2_000, 6_050)),
            ("repeat", "12.34", "60", (1_234, 6_000)),
            ("repeat", "0", "60", (0, 6_000)),
            ("customers", "", "100", (5, 100)),
            ("members", "", "100", (0, 100)),
            ("customers", "7", "3", (7, 3)),
        ],
    )
    def test_is_kept_with_the_start_that_was_typed_or_counted(
        self, root, unit, months, figure, begins, reaches, stored
    ):
        answer = root.post(ADD, sent(unit, figure=figure, begins=begins, reaches=reaches))
        assert answer.status_code == 302
        aim = Aim.objects.get()
        assert (aim.start, aim.target) == stored
        assert (aim.starts_on, aim.ends_on, aim.length, aim.window) == (date(2026, 6, 1), date(2027, 6, 1), 3, 90)

    @pytest.mark.parametrize(("day", "start"), [("2026-05-31", 0), ("2026-06-01", 2_000), ("2026-06-30", 2_000)])
    def test_begins_with_the_last_month_that_was_over(self, root, unit, months, day, start):
        root.post(ADD, sent(unit, starts_on=day))
        assert Aim.objects.get().start == start

    @pytest.mark.parametrize(
        ("wrong", "field", "said"),
        [
            ({"ends_on": "2026-06-01"}, "ends_on", "The last day must come after the first."),
            ({"ends_on": "2026-05-31"}, "ends_on", "The last day must come after the first."),
            ({"begins": "20", "reaches": "20.00"}, "reaches", "That is the start value. Write another target."),
            ({"reaches": "20"}, "reaches", "That is the start value. Write another target."),
            ({"reaches": ""}, "reaches", "This field is required."),
            ({"reaches": "-1"}, "reaches", "greater than or equal to 0"),
            ({"reaches": "1.234"}, "reaches", "no more than 2 decimal places"),
            ({"reaches": "1000000001"}, "reaches", "more than can be stored"),
            ({"figure": "customers", "reaches": "2.5"}, "reaches", "Write a whole number."),
            ({"figure": "customers", "begins": "2.5", "reaches": "60"}, "begins", "Write a whole number."),
            ({"length": "12"}, "window", "Choose at least as many days as the period has."),
            ({"starts_on": "2026-04-30"}, "begins", "For that day nothing is counted."),
            ({"starts_on": "2026-07-01"}, "begins", "For that day nothing is counted."),
            ({"figure": "give_back"}, "begins", "For that day nothing is counted."),
            ({"figure": "x"}, "figure", "Select a valid choice"),
            ({"starts_on": "soon"}, "starts_on", "Enter a valid date."),
            ({"starts_on": "0001-01-01"}, "starts_on", "Nobody means that year."),
            ({"starts_on": "1899-12-31"}, "starts_on", "Nobody means that year."),
            ({"starts_on": "1900-01-01"}, "begins", "For that day nothing is counted."),
            ({"ends_on": "9999-01-01"}, "ends_on", "Nobody means that year."),
        ],
    )
    def test_is_refused_at_the_field_and_what_was_typed_stays(self, root, unit, months, wrong, field, said):
        answer = root.post(ADD, sent(unit, **wrong))
        form = answer.context["adminform"].form
        assert list(form.errors) == [field]
        assert said in form.errors[field][0]
        assert form["reaches"].value() == sent(unit, **wrong)["reaches"]
        assert not Aim.objects.exists()

    def test_is_read_by_who_may_only_look(self, staff, unit, months):
        aim = Aim.objects.create(
            program=unit.program, figure="repeat", starts_on=date(2026, 6, 1), start=1_234, ends_on=date(2027, 6, 1),
            target=6_000,
        )  # fmt: skip
        _user, client = staff("loyalty_insights.view_aim")
        page = text_of(client.get(reverse("admin:loyalty_insights_aim_change", args=[aim.pk]))).replace("\xa0", " ")
        assert "12.34 %" in page
        assert "60.00 %" in page
        assert 'name="_save"' not in page
        assert client.get(ADD).status_code == 403
        listed = text_of(client.get(reverse("admin:loyalty_insights_aim_changelist"))).replace("\xa0", " ")
        assert "Repeat rate" in listed
