"""Segments of members: who is in, since when, and what stays of it."""

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.urls import reverse

from loyalty_oscar.exclusives.models import Door
from loyalty_oscar.program.models import Member, Program, Segment, SegmentMember
from loyalty_oscar.program.operations import join
from loyalty_oscar.program.segments import members_of, segments_by_member, segments_of, set_members
from loyalty_oscar.shop.self_service.erasure import erase
from loyalty_oscar.shop.self_service.export import export_member
from tests.integration.exclusives.sales import a_sale, a_segment
from tests.storefront import a_product, a_user, day

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(unit):
    """Three members."""
    users = [a_user(f"{name}@example.com") for name in ("ida", "boris", "zoe")]
    return [join(program=unit.program, user_id=user.pk, at=day(1, 2)).pk for user in users]


@pytest.fixture
def friends(unit):
    return a_segment(unit)


def rows(segment):
    found = SegmentMember.objects.filter(segment=segment).order_by("pk")
    return [(row.member_id, row.since, row.until, row.is_current) for row in found]


class TestWhoIsIn:
    def test_is_who_was_named_last_and_the_past_stays(self, friends, people):
        ida, boris, zoe = people
        assert set_members(segment=friends, member_ids=[ida, boris], at=day(1, 5)) == 2
        assert set_members(segment=friends, member_ids=[boris, zoe], at=day(1, 9)) == 2
        assert members_of(segment=friends) == {boris, zoe}
        assert rows(friends) == [
            (ida, day(1, 5), day(1, 9), None), (boris, day(1, 5), None, True), (zoe, day(1, 9), None, True),
        ]  # fmt: skip
        assert Segment.objects.get().counted == 2

    def test_writes_nothing_where_nobody_comes_or_goes(self, friends, people):
        set_members(segment=friends, member_ids=people, at=day(1, 5))
        before = rows(friends)
        assert set_members(segment=friends, member_ids=people, at=day(1, 9)) == 0
        assert rows(friends) == before

    def test_comes_back_with_a_row_of_its_own(self, friends, people):
        ida = people[0]
        for number, members in enumerate([[ida], [], [ida], []]):
            set_members(segment=friends, member_ids=members, at=day(1, 5 + number))
        assert rows(friends) == [(ida, day(1, 5), day(1, 6), None), (ida, day(1, 7), day(1, 8), None)]

    def test_is_asked_for_many_at_once(self, unit, friends, people, django_assert_num_queries):
        ida, boris, zoe = people
        other = a_segment(unit, name="Others")
        set_members(segment=friends, member_ids=[ida, boris], at=day(1, 5))
        set_members(segment=other, member_ids=[boris], at=day(1, 5))
        with django_assert_num_queries(1):
            found = segments_by_member(member_ids=people)
        assert found == {ida: {friends.pk}, boris: {friends.pk, other.pk}}
        assert segments_of(member_id=zoe) == frozenset()

    def test_is_in_once_by_the_database_too(self, friends, people):
        set_members(segment=friends, member_ids=people, at=day(1, 5))
        with pytest.raises(IntegrityError), transaction.atomic():
            SegmentMember.objects.create(segment=friends, member_id=people[0], since=day(1, 6))
        with pytest.raises(IntegrityError), transaction.atomic():
            SegmentMember.objects.filter(member_id=people[0]).update(until=day(1, 7))


class TestAMemberWhoLeaves:
    def test_takes_segments_along_and_is_in_none(self, friends, people):
        set_members(segment=friends, member_ids=people, at=day(1, 5))
        member = Member.objects.get(pk=people[0])
        told = export_member(member=member, at=day(1, 6))["segments"]
        assert told == [{"segment": "Friends", "traits": [], "since": day(1, 5).isoformat(), "until": None}]
        erase(member=member, at=day(1, 6))
        assert not SegmentMember.objects.filter(member=member).exists()
        assert Segment.objects.get().counted == 2


class TestASegmentInUse:
    def test_is_not_deleted(self, unit, friends):
        a_sale(unit, a_product(), doors=((friends, day(5, 8)),))
        with pytest.raises(ProtectedError):
            friends.delete()
        Door.objects.all().delete()
        assert friends.delete()[0] == 1


class TestThePage:
    def typed(self, unit, **fields):
        return {"program": str(unit.program_id), "name": "Friends", "code": "friends", "people": "", **fields}

    def test_names_members_and_shows_them_again(self, admin_client, unit, people):
        chosen = ",".join(str(pk) for pk in people[:2])
        add = reverse("admin:loyalty_program_segment_add") + "?type=list"
        assert admin_client.post(add, self.typed(unit, people=chosen)).status_code == 302
        segment = Segment.objects.get()
        assert members_of(segment=segment) == set(people[:2])
        page = reverse("admin:loyalty_program_segment_change", args=[segment.pk])
        assert f'value="{chosen}"' in admin_client.get(page).content.decode()
        assert admin_client.post(page, self.typed(unit, people=str(people[2]))).status_code == 302
        assert members_of(segment=segment) == {people[2]}

    def test_refuses_members_of_another_program(self, admin_client, unit):
        other = Program.objects.create(code="other", name="Other")
        stranger = join(program=other, user_id=a_user("eve@example.com").pk, at=day(1, 2))
        answer = admin_client.post(
            reverse("admin:loyalty_program_segment_add") + "?type=list", self.typed(unit, people=str(stranger.pk))
        )
        assert answer.context["adminform"].form.errors == {"people": ["Some of them are members of another program."]}
        assert not Segment.objects.exists()
