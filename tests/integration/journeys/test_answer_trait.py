"""The trait `answer`: what members last answered, of those who allow personal content."""

from datetime import timedelta

import pytest

from loyalty_oscar.journeys.models import Answer
from loyalty_oscar.people.models import Consent
from loyalty_oscar.program.models import Segment
from loyalty_oscar.program.registries import traits
from loyalty_oscar.program.segment_rules import look_at_member
from loyalty_oscar.program.segments import members_of
from loyalty_oscar.testing.factories import MemberFactory
from tests.storefront import day

pytestmark = pytest.mark.django_db
NOW = day(6, 1)


@pytest.fixture
def member(unit):
    return MemberFactory(program=unit.program)


def answered(member, choice, *, question="problem", source="order:1:final", at=NOW):
    return Answer.objects.create(member=member, question=question, source=source, choice=choice, at=at)


def is_held(member, *answers, at=NOW):
    asked = {"program_id": member.program_id, "params": {"answers": list(answers)}, "at": at}
    return member.pk in traits.get("answer").holders(after=member.pk - 1, last=member.pk, **asked)


class TestAnAnswer:
    def test_holds_of_who_gave_it(self, unit, member):
        answered(member, "wrong")
        assert is_held(member, "problem:wrong")
        assert is_held(member, "happy:happy", "problem:wrong")
        assert not is_held(member, "problem:fine")
        assert not is_held(member, "happy:wrong")
        assert not is_held(MemberFactory(program=unit.program), "problem:wrong")

    def test_is_the_last_one_to_its_question(self, member):
        answered(member, "wrong", at=NOW - timedelta(days=2))
        answered(member, "fine", source="order:2:final", at=NOW - timedelta(days=1))
        answered(member, "unhappy", question="happy", source="order:3:final")
        assert is_held(member, "problem:fine") and not is_held(member, "problem:wrong")
        assert is_held(member, "problem:wrong", at=NOW - timedelta(days=2))

    @pytest.mark.parametrize("allows", [True, False])
    def test_lets_those_alone_into_a_group_who_allow_personal_content(self, unit, member, allows):
        if allows:
            told = {"words": "Yes", "language": "en", "asked_at": NOW, "confirmed_at": NOW}
            Consent.objects.create(member=member, purpose="personal", **told)
        asked = [{"trait": "answer", "params": {"answers": ["problem:wrong"]}}]
        group = Segment.objects.create(program=unit.program, code="x", name="X", kind="rule", traits=asked)
        answered(member, "wrong")
        look_at_member(member_id=member.pk, at=NOW)
        assert (member.pk in members_of(segment=group)) is allows

    def test_reads_in_the_words_of_its_question(self, unit):
        said = traits.get("answer").says
        params = {"answers": ["problem:wrong", "left:gone"]}
        assert said(params=params, program_id=unit.program_id) == "last answer: “Something is wrong”, “left:gone”"
