"""`loyalty_import`: balances from another system, brought along once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from oscar.test.factories import UserFactory

from loyalty_oscar.ledger.models import Account, Counter, Entry, Kind, Lot, Note
from loyalty_oscar.ledger.operations import merge, open_account
from loyalty_oscar.program.models import Member, Program, Unit
from loyalty_oscar.program.operations import change_state, join
from loyalty_oscar.shop.imports import post, read
from loyalty_oscar.testing import allow_purge, clock
from tests.integration.commands.calling import books, expect_refusal, manage
from tests.once import a_program

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 5, 5, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def shop():
    """A program, two people, and the clock at 5 May 2026."""
    with clock.at(NOW):
        a_program(live_from=NOW - timedelta(days=1), time_zone="Europe/Berlin", hold_days=14)
        UserFactory(username="ann", email="ann@example.com")
        UserFactory(username="ben", email="ben@example.com")
        yield


@pytest.fixture
def file(tmp_path):
    """Write a file and return its path."""

    def write(text, name="balances.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return write


GOOD = "email,points,expires,reference\nann@example.com,100,2027-12-31,card-1\nBEN@example.com,250,,card-2\n"


def merge_ann_into_ben():
    program = Program.objects.get()
    people = get_user_model().objects.order_by("username")
    ann, ben = (join(program=program, user_id=user.pk, at=NOW) for user in people)
    for member in (ann, ben):
        open_account(member=member, unit=program.unit)
    merge(member=ann, into=ben, actor="staff:1", at=NOW)


class TestAnImport:
    def test_shows_the_totals_and_writes_nothing_when_tried_dry(self, file):
        before = books()
        said = manage("import --dry-run", file(GOOD))
        assert (said.code, books()) == (0, before)
        assert "2 rows for 2 people; 2 of them join “Paw Club”" in said.out
        assert "350 points, worth €3.50" in said.out

    def test_gives_everybody_their_points_with_their_day(self, file):
        said = manage("import", file(GOOD))
        assert "2 balances brought along." in said.out
        found = {entry.account.member.user.username: entry for entry in Entry.objects.all()}
        assert {(e.kind, e.counter, e.because["c"]) for e in found.values()} == {
            (Kind.IMPORT, Counter.ADJUSTMENT, "opening_balance")
        }
        assert {name: entry.account.available for name, entry in found.items()} == {"ann": 100, "ben": 250}
        assert Lot.objects.get(entry=found["ann"]).expires_at == datetime(2027, 12, 31, 23, tzinfo=UTC)
        assert Lot.objects.get(entry=found["ben"]).expires_at == datetime(2027, 5, 31, 22, tzinfo=UTC)
        assert found["ann"].note.text == "card-1"
        assert found["ann"].key == "import:ref:cc8608e0b987100f45c7591972cff934"
        assert manage("audit").code == 0

    def test_is_done_once_whatever_the_file_is_called(self, file):
        manage("import", file(GOOD))
        before = books()
        said = manage("import", file(GOOD, name="again.csv"))
        assert (said.code, books()) == (0, before)
        assert "was imported already" in said.out

    def test_knows_people_by_their_id_too(self, file):
        ann = Member._meta.get_field("user").related_model.objects.get(username="ann")
        assert manage("import", file(f"user,points\n{ann.pk},100\n")).code == 0
        assert Account.objects.get().member.user_id == ann.pk

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    def test_reads_what_spreadsheets_write(self, file, encoding):
        text = "Email;Points\r\nann@example.com;100\r\n;\r\n"
        assert manage("import", file(text, encoding=encoding)).code == 0
        assert Account.objects.get().available == 100

    def test_asks_a_number_of_queries_that_does_not_grow_with_its_rows(self, file, django_assert_max_num_queries):
        people = UserFactory.create_batch(200)
        rows = "".join(f"{user.email},10,,\n" for user in people)
        with django_assert_max_num_queries(40):
            manage("import", file(f"email,points,expires,reference\n{rows}"))
        assert Account.objects.count() == 200


class TestAFileThatBringsSomeAgain:
    """(person, reference) counts once over all files; what has no reference nobody can tell from the same again."""

    def points(self):
        return dict(Account.objects.values_list("member__user__username", "available"))

    def test_adds_only_the_rows_that_are_new(self, file):
        manage("import", file(GOOD))
        UserFactory(username="kim", email="kim@example.com")
        more = file(GOOD + "kim@example.com,70,,card-3\n")
        before = books()
        dry = manage("import --dry-run", more)
        assert books() == before
        said = manage("import", more)
        for told in (dry, said):
            assert "2 rows were brought along before and add nothing: 2, 3" in told.out
            assert "1 rows for 1 people; 1 of them join" in told.out
            assert "70 points, worth €0.70" in told.out
            assert told.err == ""
        assert "1 balances brought along." in said.out
        assert self.points() == {"ann": 100, "ben": 250, "kim": 70}
        assert manage("audit").code == 0

    def test_adds_nothing_where_all_were_there_whatever_their_order(self, file):
        manage("import", file(GOOD))
        head, *rows = GOOD.splitlines()
        before = books()
        said = manage("import", file("\n".join([head, *reversed(rows)])))
        assert (said.code, books()) == (0, before)
        assert "was imported already; nothing was written" in said.out

    def test_knows_them_by_another_name_of_the_person(self, file):
        manage("import", file(GOOD))
        ann = Member._meta.get_field("user").related_model.objects.get(username="ann")
        before = books()
        assert "already" in manage("import", file(f"user,points,reference\n{ann.pk},100,card-1\n")).out
        assert books() == before

    def test_knows_them_of_who_was_merged_before_they_came(self, file):
        merge_ann_into_ben()
        manage("import", file(GOOD))
        UserFactory(username="kim", email="kim@example.com")
        said = manage("import", file(GOOD + "kim@example.com,70,,card-3\n"))
        assert "2 rows were brought along before and add nothing: 2, 3" in said.out
        assert "70 points, worth €0.70" in said.out
        assert self.points() == {"ann": 0, "ben": 350, "kim": 70}

    @pytest.mark.parametrize("points", [100, 250])
    def test_is_refused_where_two_who_were_merged_have_the_same(self, file, points):
        merge_ann_into_ben()
        both = file(f"email,points,reference\nann@example.com,{points},old\nben@example.com,250,old\n")
        before = books()
        for way in ("--dry-run", ""):
            said = manage(f"import {way}", both)
            assert (said.code, books()) == (1, before)
            assert "row 3, reference: the same person and reference as in row 2" in said.err

    def test_is_known_of_both_who_were_merged_since(self, file):
        both = "email,points,reference\nann@example.com,100,old\nben@example.com,250,old\n"
        manage("import", file(both))
        merge_ann_into_ben()
        UserFactory(username="kim", email="kim@example.com")
        said = manage("import", file(both + "kim@example.com,70,old\n"))
        assert "2 rows were brought along before and add nothing: 2, 3" in said.out
        assert self.points() == {"ann": 0, "ben": 350, "kim": 70}

    def test_comes_to_the_one_who_stayed_where_people_join_by_choice_too(self, file):
        merge_ann_into_ben()
        Program.objects.update(enrolment="opt-in")
        assert "2 balances brought along." in manage("import", file(GOOD)).out
        assert self.points() == {"ann": 0, "ben": 350}

    def test_knows_what_was_brought_before_references_were_keys(self, file):
        manage("import", file(GOOD))
        with allow_purge():
            for number, entry in enumerate(Entry.objects.order_by("pk"), start=2):
                Entry.objects.filter(pk=entry.pk).update(key=f"import:0123456789abcdef:{number}")
        before = books()
        assert "already" in manage("import", file(f"{GOOD}\n")).out
        assert books() == before

    def test_says_where_the_same_reference_has_other_points_and_adds_nothing(self, file):
        manage("import", file(GOOD))
        said = manage("import", file(GOOD.replace(",100,", ",130,")))
        assert "warning: row 2: 'card-1' brought 100 points before; the 130 add nothing" in said.err
        assert self.points() == {"ann": 100, "ben": 250}

    def test_takes_a_known_row_though_its_day_is_over(self, file):
        manage("import", file(GOOD))
        with clock.at(datetime(2028, 1, 1, 12, tzinfo=UTC)):
            UserFactory(username="kim", email="kim@example.com")
            said = manage("import", file(GOOD + "kim@example.com,70,,card-3\n"))
        assert (said.code, self.points()["kim"]) == (0, 70)

    def test_takes_the_same_reference_of_another_person(self, file):
        manage("import", file(GOOD))
        manage("import", file("email,points,reference\nben@example.com,30,card-1\n"))
        assert self.points() == {"ann": 100, "ben": 280}

    def test_knows_them_in_their_own_program_alone(self, file):
        manage("import", file(GOOD))
        a_program(code="second", name="Second", is_default=False, live_from=NOW - timedelta(days=1))
        assert manage("import --program second", file(f"{GOOD}\n")).code == 0
        assert Account.objects.filter(member__program__code="second").count() == 2

    @pytest.mark.parametrize("dry", [True, False])
    @pytest.mark.parametrize(
        ("first", "then", "row"),
        [
            ("email,points\nann@example.com,100\n", "email,points\nben@example.com,9\nann@example.com,100\n", 3),
            ("email,points\nann@example.com,100\n", "email,points,reference\nann@example.com,100,card-1\n", 2),
            ("email,points,reference\nann@example.com,100,card-1\n", "email,points\nann@example.com,100\n", 2),
        ],
    )
    def test_warns_where_nobody_can_tell(self, file, first, then, row, dry):
        manage("import", file(first))
        said = manage("import --dry-run" if dry else "import", file(then))
        got = f"warning: row {row}: this person got 100 points by another import"
        assert said.err.strip() == f"{got}, and without references nobody can tell whether these 100 are the same"
        assert self.points()["ann"] == (100 if dry else 200)

    def test_warns_of_nobody_who_got_other_references(self, file):
        manage("import", file(GOOD))
        assert manage("import", file("email,points,reference\nann@example.com,30,card-9\n")).err == ""
        assert self.points()["ann"] == 130

    def test_tried_by_two_at_once_is_refused_by_the_key(self, file):
        """The second guard: both looked before either wrote."""
        program = Program.objects.get()
        both = [read(content=text.encode(), program=program, at=NOW) for text in (GOOD, f"{GOOD}\n")]
        assert [sum(post(balances=balances, at=NOW)) for balances in both] == [2, 0]
        assert self.points() == {"ann": 100, "ben": 250}


class TestABadFile:
    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ("nobody@example.com,100,,", "row 3, email: nobody here is 'nobody@example.com'"),
            (",100,,", "row 3, email: is empty"),
            ("ben@example.com,1.5,,", "row 3, points: '1.5' is no whole number"),
            ("ben@example.com,0,,", "row 3, points: '0' is no whole number"),
            ("ben@example.com,-5,,", "row 3, points: '-5' is no whole number"),
            ("ben@example.com,,,", "row 3, points: '' is no whole number"),
            ("ben@example.com,ten,,", "row 3, points: 'ten' is no whole number"),
            (f"ben@example.com,{'9' * 5000},,", "is no whole number"),
            ("ben@example.com,=1+1,,", "row 3, points: '=1+1' is a formula"),
            ("ben@example.com,10,,=cmd|' /C calc'!A0", "row 3, reference: "),
            ("ben@example.com,10,,@SUM(A1)", "is a formula"),
            ("ben@example.com,10,2020-01-01,", "row 3, expires: 2020-01-01 is over"),
            ("ben@example.com,10,31.12.2027,", "row 3, expires: '31.12.2027' is no day"),
            ("ben@example.com,10,9999-12-31,", "row 3, expires: '9999-12-31' is no day"),
            ("ann@example.com,10,,card-1", "row 3, reference: the same person and reference as in row 2"),
            ("ben@example.com,10,", "row 3: 3 cells, but there are 4 columns"),
            ('ben@example.com,10,,"open', "row 3: unexpected end of data"),
        ],
    )
    def test_is_refused_with_row_and_column_and_nothing_is_written(self, file, row, says):
        before = books()
        head = "email,points,expires,reference\nann@example.com,100,,card-1\n"
        said = manage("import", file(f"{head}{row}\n"))
        assert (said.code, books()) == (1, before)
        assert says in said.err
        assert "1 mistake; nothing was written" in said.err

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            ("", "the column points is missing"),
            ("email,points\n", "there is no row"),
            ("email,expires\nann@example.com,\n", "the column points is missing"),
            ("points\n10\n", "one column says who it is"),
            ("email,user,points\nann@example.com,1,10\n", "one column says who it is"),
            ("email,points,expiry\nann@example.com,10,\n", "there is no column “expiry” to read"),
            ("email,points,points\nann@example.com,10,10\n", "the column “points” comes twice"),
            ("email,points\nänn@example.com,10\n".encode("latin-1"), "row 2: this is not UTF-8"),
            ("email,points\n".encode("utf-16"), "this is not UTF-8"),
            (b"email,points\nann@example.com,1\x00\n", "this is no text file"),
        ],
    )
    def test_is_refused_as_a_whole(self, file, content, says):
        before = books()
        said = manage("import", file(content))
        assert (said.code, books()) == (1, before)
        assert says in said.err

    def test_names_all_its_mistakes_at_once(self, file):
        said = manage("import", file("email,points\na@example.com,x\nb@example.com,1\n"))
        assert said.err.count("row 2, ") == 2
        assert said.err.count("row 3, ") == 1
        assert said.err.endswith("3 mistakes; nothing was written")

    def test_is_one_whose_address_two_people_have(self, file):
        UserFactory(username="ann2", email="Ann@example.com")
        assert "2 people have the address" in manage("import", file(GOOD)).err
        assert not Entry.objects.exists()

    def test_is_one_with_people_who_have_not_joined_where_they_must(self, file):
        Program.objects.update(enrolment="opt-in")
        assert "'ann@example.com' has not joined" in manage("import", file(GOOD)).err
        assert not Entry.objects.exists()


class TestBadInput:
    def test_is_a_file_that_is_not_there(self, tmp_path):
        expect_refusal("import", tmp_path / "none.csv", says="cannot be read: No such file")
        expect_refusal("import", tmp_path, says="cannot be read: Is a directory")
        expect_refusal("import", says="the following arguments are required: FILE.csv", code=2)

    def test_is_a_program_that_is_not_there_or_ends(self, file):
        expect_refusal("import --program nope", file(GOOD), says="there is no program 'nope'")
        Program.objects.update(state="closing")
        expect_refusal("import", file(GOOD), says="is closing; nothing is brought into it")

    def test_leaves_no_reference_behind(self, file):
        manage("import", file("email,points,reference\nann@example.com,0,card-1\n"))
        assert not Note.objects.exists()


class TestAnUndo:
    def test_takes_back_what_the_file_brought_as_one_act_and_once(self, file):
        manage("import", file(GOOD))
        told = manage("import", file(GOOD), "--undo", "--dry-run")
        assert "2 rows of this file brought 350 points along" in told.out
        assert sorted(Account.objects.values_list("available", flat=True)) == [100, 250]
        assert "2 balances taken back." in manage("import", file(GOOD), "--undo").out
        assert sorted(Account.objects.values_list("available", "debt")) == [(0, 0), (0, 0)]
        before = books()
        assert "0 balances taken back." in manage("import", file(GOOD), "--undo").out
        assert books() == before

    def test_leaves_alone_what_another_file_brought_and_does_not_bring_it_again(self, file):
        manage("import", file(GOOD))
        manage("import", file("email,points,reference\nann@example.com,7,card-9\n", name="other.csv"))
        manage("import", file(GOOD), "--undo")
        assert sorted(Account.objects.values_list("available", flat=True)) == [0, 7]
        manage("import", file(GOOD))
        assert sorted(Account.objects.values_list("available", flat=True)) == [0, 7]

    def test_takes_back_the_rest_where_somebody_has_left_since(self, file):
        manage("import", file(GOOD))
        with allow_purge():
            get_user_model().objects.get(username="ann").delete()
        said = manage("import", file(GOOD), "--undo")
        assert (said.code, "1 balances taken back." in said.out) == (0, True)
        assert "row 2, email: nobody here is 'ann@example.com'" in said.err
        assert Account.objects.get(member__user__username="ben").available == 0

    def test_takes_back_while_the_program_closes(self, file):
        manage("import", file(GOOD))
        change_state(program=Program.objects.get(), to="closing", actor="system", at=clock.now())
        assert "2 balances taken back." in manage("import", file(GOOD), "--undo").out
        assert sorted(Account.objects.values_list("available", "debt")) == [(0, 0), (0, 0)]

    def test_takes_back_from_the_one_who_stayed_what_came_for_who_was_merged(self, file):
        merge_ann_into_ben()
        manage("import", file(GOOD))
        assert "2 rows of this file brought 350 points along" in manage("import", file(GOOD), "--undo").out
        assert Account.objects.get(member__user__username="ben").available == 0

    def test_of_a_file_that_nobody_imported_does_nothing(self, file):
        before = books()
        assert "0 balances taken back." in manage("import", file(GOOD), "--undo").out
        assert books() == before


class TestAFileOfAProgramOfMoney:
    @pytest.fixture(autouse=True)
    def cashback(self, shop):
        Unit.objects.update(is_money=True)

    def test_holds_amounts(self, file):
        said = manage("import", file("email,points\nann@example.com,12.50\n"))
        assert said.code == 0
        assert "€12.50" in said.out
        assert "point" not in said.out
        assert Account.objects.get().available == 1250

    @pytest.mark.parametrize("amount", ["12.505", "0", "-1.00", "x"])
    def test_refuses_what_is_none(self, file, amount):
        said = manage("import", file(f"email,points\nann@example.com,{amount}\n"))
        assert f"row 2, points: {amount!r} is no amount up to 10000000.00" in said.err
        assert not Account.objects.exists()
