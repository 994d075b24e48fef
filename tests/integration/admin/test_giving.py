"""Points for many from a file: every row and fault is shown first, given once as one batch, and undone as one act."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from loyalty_oscar.insights.models import Given
from loyalty_oscar.insights.operations import count
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Batch, Entry, Note
from loyalty_oscar.program.models import Member
from loyalty_oscar.shop import imports
from loyalty_oscar.shop.dashboard.by_hand import may_undo, undo
from loyalty_oscar.testing import clock
from loyalty_oscar.testing.factories import MemberFactory
from tests.integration.ledger.books import assert_clean, dump
from tests.points import a_member_with, give, of, points_club, use
from tests.storefront import TODAY, a_basket, a_product, a_user, text_of

pytestmark = pytest.mark.django_db
MAY = ("loyalty_program.view_member", "loyalty_ledger.bulk_account")
PAGE = reverse("admin:loyalty_program_member_give")


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
def clerk(staff):
    user, client = staff(*MAY)
    client.user = user
    return client


def good(boris):
    """Three people by three names: an address, a user name, a public id."""
    ada, priya = a_user("ada@example.com"), a_user("priya@example.com")
    priya.username = "priya"
    priya.save()
    public = Member.objects.get(user=boris).public_id
    return f'who,points,reason\nADA@example.com,100,Strike\npriya,50,Late\n{public},"1,250",Thanks\n', (ada, priya)


def look(clerk, unit, text, name="May"):
    file = SimpleUploadedFile("may.csv", text.encode() if isinstance(text, str) else text)
    return clerk.post(PAGE, {"unit": unit.pk, "name": name, "file": file})


def confirm(clerk, unit, text, name="May"):
    return clerk.post(PAGE, {"unit": unit.pk, "name": name, "text": text.replace("\n", "\r\n"), "give": "1"})


class TestAFile:
    def test_is_shown_row_by_row_with_its_sum_and_worth_and_gives_nothing_yet(self, clerk, unit, boris):
        text, _people = good(boris)
        before = dump()
        html = text_of(look(clerk, unit, text))
        assert "1,400 paws in all, worth €14.00." in html
        for said in ("ADA@example.com", "priya", "1,250 paws", "Strike", "Give it"):
            assert said in html
        assert (dump(), Batch.objects.count()) == (before, 0)

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ("nobody@example.com,5,x", "Nobody here is called that."),
            (",5,x", "Say who it is."),
            ("boris@example.com,0,x", "Write a whole number from 1 to 10,000,000."),
            ("boris@example.com,-5,x", "Write a whole number"),
            ("boris@example.com,=5,x", "Write a whole number"),
            ("boris@example.com,1.5,x", "Write a whole number"),
            ("boris@example.com,99999999999999999999,x", "Write a whole number"),
            ("boris@example.com,xx,x", "Write a whole number"),
            ("boris@example.com,5,", "Say why."),
            ("boris@example.com,5,=1+1", "This is a formula."),
            (f"boris@example.com,5,{'x' * 301}", "Write up to 300 characters."),
            ("staff0@example.com,5,x", "Nobody gives to themselves."),
        ],
    )
    def test_with_a_fault_says_it_in_its_row_and_cannot_be_given(self, clerk, unit, boris, row, says):
        text = f"who,points,reason\nboris@example.com,5,fine\n{row}\n"
        before = dump()
        html = text_of(look(clerk, unit, text))
        assert says in html
        assert "1 row has a fault." in html
        assert "Give it</button>" not in look(clerk, unit, text).content.decode()
        confirm(clerk, unit, text)
        assert (dump(), Batch.objects.count()) == (before, 0)

    def test_gives_nothing_to_another_login_of_ones_own(self, clerk, unit, boris):
        own = MemberFactory(program=unit.program, user=clerk.user)
        ledger.merge(member=Member.objects.get(user=boris), into=own, actor="staff:1", at=TODAY)
        text = "who,points,reason\nboris@example.com,5,fine\n"
        assert "Nobody gives to themselves." in text_of(look(clerk, unit, text))

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "Choose a file."),
            (b"\xff\xfe\x00", "row 1: this is not UTF-8"),
            (b"who,points\nx,1\n", "the column reason is missing"),
            (b"who,points,reason,extra\n", "no column “extra” to read"),
            (b"who,points,reason\n", "there is no row"),
            (b"who,points,reason\na,b\n", "row 2: 2 cells, but there are 3 columns"),
            (b"who,points,reason\n" + b"a,1,x\n" * 2001, "2001 rows; a file has up to 2000"),
            (b"who,points,reason\n" + b"x" * 900_001, "This file is too big."),
        ],
    )
    def test_that_cannot_be_read_says_why_at_the_field(self, clerk, unit, content, says):
        answer = look(clerk, unit, content)
        assert (answer.status_code, Batch.objects.count()) == (200, 0)
        assert says in text_of(answer)

    def test_asks_for_somebody_by_the_public_id_where_two_have_a_name(self, clerk, unit, boris):
        other = a_user("other@example.com")
        other.email = boris.email
        other.save()
        assert "Several people are called that." in text_of(
            look(clerk, unit, "who,points,reason\nBORIS@EXAMPLE.COM,5,x\n")
        )


class TestGiving:
    def test_gives_each_row_once_with_its_own_reason(self, clerk, unit, boris):
        text, people = good(boris)
        assert confirm(clerk, unit, text).status_code == 302
        assert [of(user)[0] for user in (*people, boris)] == [100, 50, 2250]
        batch = Batch.objects.get()
        assert (batch.rows, batch.points, batch.name, batch.actor) == (3, 1400, "May", f"staff:{clerk.user.pk}")
        assert sorted(Note.objects.values_list("text", flat=True)) == ["Late", "Strike", "Thanks"]
        assert {entry.because["c"] for entry in imports.giving.entries_of(batch=batch)} == {"given_in_bulk"}
        assert_clean()

    def test_knows_the_same_file_and_gives_nothing_twice(self, clerk, unit, boris):
        text, _people = good(boris)
        confirm(clerk, unit, text)
        before = dump()
        assert "This very file was given as “May” on" in text_of(look(clerk, unit, text, name="Again"))
        confirm(clerk, unit, text, name="Again")
        assert (dump(), Batch.objects.count()) == (before, 1)

    def test_lets_two_rows_of_one_person_stand_alone(self, clerk, unit, boris):
        confirm(clerk, unit, "who,points,reason\nboris@example.com,5,a\nboris@example.com,5,b\n")
        assert of(boris)[0] == 1010

    def test_stops_at_the_limit_of_the_day(self, clerk, unit, boris, settings):
        settings.LOYALTY_BULK_DAILY_LIMIT = 100
        confirm(clerk, unit, "who,points,reason\nboris@example.com,60,a\n")
        text = "who,points,reason\nboris@example.com,41,b\n"
        assert "more than you can give today: 40 paws are left." in text_of(look(clerk, unit, text))
        confirm(clerk, unit, text)
        assert of(boris)[0] == 1060
        confirm(clerk, unit, text.replace("41", "40"))
        assert of(boris)[0] == 1100

    def test_gives_to_the_one_who_stays_where_two_were_merged(self, clerk, unit, boris):

        ada = a_user("ada@example.com")
        give(ada, 10, unit, source="ada")
        gone, into = (Member.objects.get(user=user) for user in (ada, boris))
        ledger.merge(member=gone, into=into, actor="staff:1", at=TODAY)
        confirm(clerk, unit, "who,points,reason\nada@example.com,5,a\n")
        assert (of(ada), of(boris)) == ((0, 0, 0, 0), (1015, 0, 0, 0))

    def test_counts_in_the_figures_for_who_gave_also_once_it_is_undone(self, clerk, unit, boris):
        confirm(clerk, unit, "who,points,reason\nboris@example.com,5,a\n")
        imports.undo_all(batch=Batch.objects.get(), staff=a_user("other@example.com"), at=TODAY)
        list(count(at=TODAY + timedelta(hours=2)))
        [row] = Given.objects.filter(unit=unit, giver="staff")
        assert (row.item, row.plus, row.minus) == (f"by-hand:staff:{clerk.user.pk}", 5, 5)

    def test_is_for_who_may(self, staff, unit, boris):
        client = staff(MAY[0])[1]
        assert client.get(PAGE).status_code == 403
        assert confirm(client, unit, "who,points,reason\nboris@example.com,5,a\n").status_code == 403
        assert of(boris)[0] == 1000


class TestUndoing:
    def test_takes_all_of_it_back_as_one_act(self, clerk, unit, boris):
        text, people = good(boris)
        confirm(clerk, unit, text)
        where = reverse("admin:loyalty_program_member_take", args=[Batch.objects.get().pk])
        assert "gave 1,400 paws on" in text_of(clerk.get(where))
        assert of(boris)[0] == 2250
        clerk.post(where)
        assert [of(user)[0] for user in (*people, boris)] == [0, 0, 1000]
        assert Batch.objects.get().undone_by == f"staff:{clerk.user.pk}"
        before = dump()
        assert "It was undone before." in text_of(clerk.post(where, follow=True))
        assert dump() == before
        assert_clean()

    def test_leaves_alone_what_was_undone_by_itself(self, clerk, unit, boris):

        text, people = good(boris)
        confirm(clerk, unit, text)
        entry = Entry.objects.get(account__member__user=people[0])
        clerk.user.is_superuser = True
        assert may_undo(entry=entry, staff=clerk.user)
        undo(entry=entry, staff=clerk.user, at=TODAY)
        assert imports.undo_all(batch=Batch.objects.get(), staff=clerk.user, at=TODAY) == 2
        assert [of(user) for user in (*people, boris)] == [(0, 0, 0, 0), (0, 0, 0, 0), (1000, 0, 0, 0)]

    def test_makes_what_is_used_points_to_make_up(self, clerk, unit, boris):
        confirm(clerk, unit, "who,points,reason\nboris@example.com,200,a\n")
        use(boris, a_basket(boris, (a_product(price="12.00"), 1)), 1200, unit=unit).freeze()
        imports.undo_all(batch=Batch.objects.get(), staff=clerk.user, at=TODAY)
        assert of(boris) == (0, 0, 1200, 200)
        assert_clean()

    def test_counts_no_more_for_the_limit(self, clerk, unit, boris):
        confirm(clerk, unit, "who,points,reason\nboris@example.com,200,a\n")
        imports.undo_all(batch=Batch.objects.get(), staff=clerk.user, at=TODAY)
        assert imports.left_today(staff=clerk.user, at=TODAY) == 50_000


def test_the_list_of_members_leads_there(clerk, boris):
    assert PAGE in clerk.get(reverse("admin:loyalty_program_member_changelist")).content.decode()
    assert Account.objects.count() == 1
