"""Merging two members in the admin: found, previewed, confirmed by typing, shown on both pages, and undone."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.program.models import Member, Merge
from loyalty_oscar.testing import clock
from tests.integration.ledger.books import assert_clean, dump
from tests.points import a_member_with, give, of, points_club
from tests.storefront import TODAY, a_user, text_of

pytestmark = pytest.mark.django_db
MAY = ("loyalty_program.view_member", "loyalty_program.merge_member")


@pytest.fixture(autouse=True)
def today():
    with clock.at(TODAY):
        yield


@pytest.fixture
def unit(db):
    return points_club()


@pytest.fixture
def boris(unit):
    return a_member_with(1000, unit)


@pytest.fixture
def ada(unit):
    user = a_user("ada@example.com")
    give(user, 300, unit, source="ada")
    return user


def member(user):
    return Member.objects.get(user=user)


def page(user):
    return reverse("admin:loyalty_program_member_merge", args=[member(user).pk])


def into(user):
    return f"?into={member(user).pk}"


class TestMerging:
    def test_says_what_moves_before_anything_does(self, staff, boris, ada):
        before = dump()
        html = text_of(staff(*MAY)[1].get(page(ada), {"q": "boris@example.com"}))
        assert "300 paws ready (worth €3.00) and 0 paws on the way move, each with its own date." in html
        assert "The old statement, messages, baskets" in html
        assert (dump(), Merge.objects.count()) == (before, 0)

    def test_offers_several_and_says_where_nobody_is_found(self, staff, boris, ada, unit):
        third = a_user("boris2@example.com")
        give(third, 1, unit, source="third")
        clerk = staff(*MAY)[1]
        html = clerk.get(page(ada), {"q": "boris"}).content.decode()
        assert into(boris) in html
        assert into(third) in html
        assert "Nobody is found by this." in clerk.get(page(ada), {"q": "nobody"}).content.decode()

    def test_happens_once_the_name_is_typed(self, staff, boris, ada):
        user, clerk = staff(*MAY)
        answer = clerk.post(page(ada) + into(boris), {"typed": str(member(ada))})
        assert answer.status_code == 302
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1300, 0, 0, 0))
        assert Merge.objects.get().actor == f"staff:{user.pk}"
        assert LogEntry.objects.count() == 2
        assert "ada@example.com" in clerk.get(answer["Location"]).content.decode()
        html = clerk.get(reverse("admin:loyalty_program_member_change", args=[member(ada).pk])).content.decode()
        assert "Merged into another member" in html
        assert_clean()

    @pytest.mark.parametrize("typed", ["", "boris@example.com", "x" * 301])
    def test_is_refused_where_another_name_is_typed(self, staff, boris, ada, typed):
        answer = staff(*MAY)[1].post(page(ada) + into(boris), {"typed": typed})
        assert (answer.status_code, Merge.objects.count(), of(ada)) == (200, 0, (300, 0, 0, 0))
        assert "errorlist" in answer.content.decode()

    def test_says_why_it_cannot_be_done(self, staff, boris, ada):
        about = {"until": None, "earns": True, "reason": "x", "actor": "staff:1", "at": TODAY}
        ledger.freeze(member=member(boris), **about)
        clerk = staff(*MAY)[1]
        assert "frozen. End the freeze first." in text_of(clerk.get(page(ada) + into(boris)))
        clerk.post(page(ada) + into(boris), {"typed": str(member(ada))})
        assert Merge.objects.count() == 0

    @pytest.mark.parametrize("wrong", ["?into=999999", "?into=xx", "?into=", "?q="])
    def test_takes_no_nonsense_for_a_member(self, staff, ada, wrong):
        assert staff(*MAY)[1].get(page(ada) + wrong).status_code == 200

    def test_is_for_who_may_and_not_on_oneself(self, staff, boris, ada, unit):
        user, clerk = staff(*MAY)
        give(user, 5, unit, source="clerk")
        for where in (page(user), page(ada) + into(user)):
            assert clerk.get(where).status_code == 403
        assert staff(MAY[0])[1].get(page(ada)).status_code == 403

    def test_is_undone(self, staff, boris, ada):
        clerk = staff(*MAY)[1]
        row = ledger.merge(member=member(ada), into=member(boris), actor="staff:1", at=TODAY)
        where = reverse("admin:loyalty_program_member_unmerge", args=[member(ada).pk, row.pk])
        assert "two members again" in clerk.get(where).content.decode()
        assert Merge.objects.get().undone_at is None
        clerk.post(where)
        assert (of(ada), of(boris)) == ((300, 0, 0, 0), (1000, 0, 0, 0))
        answer = clerk.post(where, follow=True)
        assert "It was undone before." in answer.content.decode()


class TestTheOldLogin:
    def test_is_told_where_everything_is(self, client, boris, ada):
        ledger.merge(member=member(ada), into=member(boris), actor="staff:1", at=TODAY)
        client.force_login(ada)
        assert "with your other account now" in text_of(client.get(reverse("loyalty:overview")))
        client.force_login(boris)
        html = text_of(client.get(reverse("loyalty:overview")))
        assert "with your other account now" not in html
        assert "From your other account" in html
