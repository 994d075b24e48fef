"""Lists that staff open all day cost as much with many rows as with few; `make lists` measures 100,000 members."""

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.program.models import Segment
from loyalty_oscar.testing.factories import LadderFactory, MemberFactory, ProgramFactory

LONG_AGO = datetime(2025, 1, 2, tzinfo=UTC)
#: With the session, the user and Oscar's notifications.
MEMBERS, NOBODY, FOUND, SEVERAL, RULES = 7, 6, 9, 8, 9


def address(name, more=""):
    return reverse(f"admin:loyalty_{name}_changelist") + more


@pytest.fixture
def levels(unit):
    return LadderFactory(program=unit.program)


class TestTheListOfMembers:
    @pytest.mark.parametrize(
        ("more", "queries"),
        [("", MEMBERS), ("?o=2", MEMBERS), ("?ordered=never", MEMBERS), ("?ready=1", NOBODY), ("?points=debt", NOBODY)],
    )
    def test_asks_as_much_of_many_as_of_few(self, root, unit, levels, django_assert_num_queries, more, queries):
        for number in range(110):
            if number in (3, 109):
                root.get(address("program_member", more))
                with django_assert_num_queries(queries):
                    root.get(address("program_member", more))
            MemberFactory(program=unit.program)

    def test_asks_little_more_for_a_search(self, root, unit, levels, django_assert_num_queries):
        for _number in range(5):
            MemberFactory(program=unit.program)
        url = address("program_member", "?q=example.com")
        root.get(url)
        with django_assert_num_queries(FOUND):
            root.get(url)

    def test_asks_little_more_for_two_programs(self, root, unit, levels, django_assert_num_queries):
        other = ProgramFactory(code="other", is_default=False)
        MemberFactory(program=unit.program)
        MemberFactory(program=other)
        root.get(address("program_member"))
        with django_assert_num_queries(SEVERAL):
            html = root.get(address("program_member")).content.decode()
        assert "?program__id__exact=" in html

    def test_is_not_narrowed_by_the_only_program(self, root, unit):
        assert "program__id__exact" not in root.get(address("program_member")).content.decode()


class TestTheListOfRules:
    def test_asks_nothing_for_each_rule(self, root, unit, levels, django_assert_num_queries):
        segment = Segment.objects.create(program=unit.program, code="list", name="List")
        narrowed = [
            {"code": "dates", "params": {"first": "2030-01-01", "last": "2030-01-31"}},
            {"code": "segment", "params": {"segment": segment.pk}},
            {"code": "tier", "params": {"rank": levels.tiers.first().rank}},
        ]
        for number in range(30):
            save_rule(
                unit=unit, code=f"r{number}", name=f"Rule {number}", type="multiplier", params={"percent": 110},
                narrowed=narrowed, actor="staff:1", at=LONG_AGO,
            )  # fmt: skip
            if number in (0, 29):
                root.get(address("earning_rule"))
                with django_assert_num_queries(RULES):
                    html = root.get(address("earning_rule")).content.decode()
        assert html.count("List") >= 30
