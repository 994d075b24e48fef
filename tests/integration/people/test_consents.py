"""What members allow: nothing without being asked, confirmed and not refused since."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from loyalty_oscar.people.consents import allowed, ask, confirm, consents_of, forget_consents, withdraw
from loyalty_oscar.people.contacts import leave_to_write
from loyalty_oscar.people.models import Consent, Contact, Receipt
from loyalty_oscar.program.hooks import merge_parts
from loyalty_oscar.program.registries import facts, traits
from loyalty_oscar.shop.notices.letters import language_of
from loyalty_oscar.testing.factories import MemberFactory, ProgramFactory

pytestmark = pytest.mark.django_db
AT = datetime(2026, 5, 6, 12, tzinfo=UTC)
LETTERS, PERSONAL = Consent.Purpose.LETTERS, Consent.Purpose.PERSONAL
WORDS = "Yes, write to me."
OURS = "consents", "contacts"


@pytest.fixture
def member():
    return MemberFactory()


@pytest.fixture
def austria(monkeypatch):
    """Everybody lives in Austria."""
    monkeypatch.setitem(facts._things, "country", lambda *, members, at: dict.fromkeys(members, "AT"))


def later(days):
    return AT + timedelta(days=days)


def asked(member, *, purpose=LETTERS, words=WORDS, at=AT):
    return ask(member=member, purpose=purpose, words=words, language="en", at=at)


def allow(member, *, purpose=LETTERS, at=AT):
    row = asked(member, purpose=purpose, at=at)
    assert confirm(consent_id=row.pk, at=at)
    return row


def refuse(member, *, purpose=LETTERS, at=AT):
    withdraw(member_id=member.pk, purpose=purpose, at=at)


def may(member, *, purpose=LETTERS, at=AT):
    return allowed(purpose=purpose, member_ids=[member.pk], at=at) == {member.pk}


def buys(member, **fields):
    fixed = {"program": member.program, "member": member, "buyer": f"u:{member.user_id}", "placed_at": AT}
    money = {"currency": "EUR", "goods_minor": 1000, "paid_minor": 1000, "pieces": 1, "changed_at": AT}
    number = Receipt.objects.count() + 1
    return Receipt.objects.create(order_id=number, **fixed, **money, **fields)


def switched(member, *countries):
    member.program.existing_customers = list(countries)
    member.program.save()


class TestAMemberAllows:
    def test_nothing_before_being_asked(self, member):
        assert not may(member) and not may(member, purpose=PERSONAL)

    def test_nothing_by_being_asked(self, member):
        asked(member)
        assert not may(member)

    def test_what_was_confirmed(self, member):
        row = asked(member)
        assert confirm(consent_id=row.pk, at=later(1))
        row.refresh_from_db()
        assert may(member)
        assert (row.words, row.language, row.asked_at, row.confirmed_at) == (WORDS, "en", AT, later(1))

    def test_one_purpose_and_not_the_other(self, member):
        allow(member)
        assert not may(member, purpose=PERSONAL)

    def test_it_for_oneself_alone(self, member):
        other = MemberFactory(program=member.program)
        allow(member)
        assert allowed(purpose=LETTERS, member_ids=[member.pk, other.pk], at=AT) == {member.pk}

    def test_it_no_more_once_it_is_withdrawn(self, member):
        row = allow(member)
        refuse(member, at=later(1))
        refuse(member, at=later(2))
        row.refresh_from_db()
        assert not may(member)
        assert (row.confirmed_at, row.withdrawn_at, row.is_current) == (AT, later(1), True)

    def test_it_again_after_a_refusal_once_that_is_confirmed(self, member):
        before = allow(member)
        refuse(member)
        row = asked(member, at=later(1))
        assert row.pk != before.pk and not may(member)
        confirm(consent_id=row.pk, at=later(1))
        before.refresh_from_db()
        assert may(member)
        assert before.withdrawn_at == AT and before.is_current is None


class TestAConfirmation:
    def test_changes_nothing_the_second_time(self, member):
        row = allow(member)
        assert confirm(consent_id=row.pk, at=later(1))
        row.refresh_from_db()
        assert row.confirmed_at == AT

    def test_says_in_which_language_somebody_reads(self, member):
        for language in ("de", "en"):
            row = ask(member=member, purpose=LETTERS, words=WORDS, language=language, at=AT)
            with language_of(user=member.user) as before:
                assert confirm(consent_id=row.pk, at=AT)
            with language_of(user=member.user) as after:
                assert (before, after) == (("en", "de") if language == "de" else ("de", "en"))
            refuse(member)

    def test_does_nothing_after_a_refusal(self, member):
        row = asked(member)
        refuse(member)
        assert not confirm(consent_id=row.pk, at=later(1))
        assert not may(member)

    def test_of_what_was_allowed_and_refused_does_nothing(self, member):
        row = allow(member)
        refuse(member)
        assert not confirm(consent_id=row.pk, at=later(1))

    def test_of_other_words_than_those_confirmed_first_does_nothing(self, member):
        first, second = asked(member), asked(member, words="Oh yes.")
        assert first.pk != second.pk
        assert confirm(consent_id=second.pk, at=AT)
        assert not confirm(consent_id=first.pk, at=AT)
        assert Consent.objects.get(is_current=True).words == "Oh yes."

    def test_of_what_was_forgotten_does_nothing(self, member):
        row = asked(member)
        forget_consents(member=member)
        assert not confirm(consent_id=row.pk, at=AT)
        assert not Consent.objects.exists()


class TestAsking:
    def test_again_in_the_same_words_is_one_question(self, member):
        assert asked(member).pk == asked(member, at=later(1)).pk
        assert Consent.objects.get().asked_at == later(1)

    def test_who_allows_it_already_asks_nothing(self, member):
        row = allow(member)
        assert asked(member, words="Oh yes.", at=later(1)) == row
        assert Consent.objects.get().words == WORDS

    def test_is_no_answer_for_the_database_either(self, member):
        row = asked(member)
        with pytest.raises(IntegrityError), transaction.atomic():
            Consent.objects.filter(pk=row.pk).update(is_current=True)


class TestWhatAMemberSaidLast:
    def test_is_nothing_at_first(self, member):
        assert consents_of(member_id=member.pk) == {}

    def test_is_a_question_until_it_is_answered(self, member):
        refuse(member)
        row = asked(member, at=later(1))
        assert consents_of(member_id=member.pk) == {LETTERS: row}

    def test_is_the_refusal_of_what_nobody_asked(self, member):
        refuse(member)
        refuse(member, at=later(1))
        row = Consent.objects.get()
        assert (row.words, row.withdrawn_at) == ("", AT)
        assert consents_of(member_id=member.pk) == {LETTERS: row}


@pytest.mark.usefixtures("austria")
class TestWhereCustomersAreWrittenTo:
    @pytest.mark.parametrize(
        ("countries", "is_allowed"), [((), False), (("DE",), False), (("AT",), True), (("DE", "AT"), True)]
    )
    def test_it_takes_the_country(self, member, countries, is_allowed):
        buys(member)
        switched(member, *countries)
        assert may(member) is is_allowed

    def test_it_takes_an_order(self, member):
        switched(member, "AT")
        assert not may(member)

    def test_it_takes_an_order_that_was_not_given_back(self, member):
        buys(member, is_gone=True)
        switched(member, "AT")
        assert not may(member)

    def test_it_is_not_for_personal_content(self, member):
        buys(member)
        switched(member, "AT")
        assert not may(member, purpose=PERSONAL)

    def test_a_refusal_counts_more(self, member):
        buys(member)
        switched(member, "AT")
        refuse(member)
        assert not may(member)

    def test_a_refusal_counts_more_though_one_asked_anew(self, member):
        buys(member)
        switched(member, "AT")
        refuse(member)
        asked(member, at=later(1))
        assert not may(member)

    def test_who_was_asked_and_did_not_answer_is_written_to_as_before(self, member):
        buys(member)
        switched(member, "AT")
        asked(member)
        assert may(member)

    def test_it_takes_a_country_that_is_known(self, member, monkeypatch):
        buys(member)
        switched(member, "AT")
        monkeypatch.setitem(facts._things, "country", lambda *, members, at: {})
        assert not may(member)

    def test_it_takes_as_many_queries_for_many(self, member, django_assert_num_queries):
        switched(member, "AT")
        members = [MemberFactory(program=member.program) for _one in range(5)]
        for one in members:
            buys(one)
        with django_assert_num_queries(3):
            found = allowed(purpose=LETTERS, member_ids=[one.pk for one in members], at=AT)
        assert found == {one.pk for one in members}


class TestLeaveToWrite:
    @pytest.mark.parametrize(("days", "is_given"), [(0, False), (2, False), (2.99, False), (3, True), (10, True)])
    def test_is_given_once_in_so_many_days(self, member, days, is_given):
        assert leave_to_write(member_id=member.pk, letter_days=3, at=AT)
        assert leave_to_write(member_id=member.pk, letter_days=3, at=later(days)) is is_given
        assert Contact.objects.get().told_at == (later(days) if is_given else AT)

    def test_without_a_pause_is_given_always(self, member):
        assert all(leave_to_write(member_id=member.pk, letter_days=0, at=AT) for _time in range(2))

    def test_is_given_to_each_member(self):
        program = ProgramFactory()
        some = [MemberFactory(program=program) for _one in range(2)]
        assert all(leave_to_write(member_id=one.pk, letter_days=3, at=AT) for one in some)

    def test_goes_with_the_transaction_that_asked(self, member):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            leave_to_write(member_id=member.pk, letter_days=3, at=AT)
            1 / 0  # noqa: B018
        assert leave_to_write(member_id=member.pk, letter_days=3, at=AT)


class TestTwoMembersWhoBecomeOne:
    @pytest.fixture
    def other(self, member):
        return MemberFactory(program=member.program)

    def merged(self, member, other):
        return {name: part.move(member=member, into=other, at=AT) for name, part in merge_parts.items() if name in OURS}

    def undone(self, member, other, moved):
        for name, part in merge_parts.items():
            if name in OURS:
                part.undo(member=member, into=other, moved=moved[name], at=AT)

    def said(self, member, other):
        return list(dict(merge_parts.items())["consents"].says(member=member, into=other, at=AT))

    def test_are_both_refused_what_one_refused(self, member, other):
        refuse(member)
        allow(other)
        assert self.said(member, other) == ["Letters are refused, so the member who stays gets none."]
        moved = self.merged(member, other)
        assert not may(other)
        self.undone(member, other, moved)
        assert may(other) and not may(member)
        assert Consent.objects.filter(is_current=True).count() == 2

    def test_keep_the_refusal_of_the_one_who_stays(self, member, other):
        allow(member)
        refuse(other)
        assert self.said(member, other) == []
        self.undone(member, other, self.merged(member, other))
        assert not may(other) and may(member)

    def test_allow_nothing_that_only_the_other_was_asked(self, member, other):
        allow(member)
        self.merged(member, other)
        assert not may(other)

    def test_keep_what_was_said_meanwhile_when_it_is_undone(self, member, other):
        refuse(member)
        moved = self.merged(member, other)
        allow(other, at=later(1))
        refuse(member, at=later(1))
        self.undone(member, other, moved)
        assert may(other) and not may(member)

    def test_are_written_to_after_the_later_letter(self, member, other):
        leave_to_write(member_id=other.pk, letter_days=3, at=AT)
        leave_to_write(member_id=member.pk, letter_days=3, at=later(2))
        self.merged(member, other)
        assert not leave_to_write(member_id=other.pk, letter_days=3, at=later(4))
        assert leave_to_write(member_id=other.pk, letter_days=3, at=later(5))


class TestTheTrait:
    @pytest.mark.parametrize("purpose", [LETTERS, PERSONAL])
    def test_holds_of_those_who_said_yes_and_its_opposite_of_the_others(self, purpose, django_assert_num_queries):
        program, trait = ProgramFactory(), traits.get("consent")
        yes, no, never, asking = (MemberFactory(program=program) for _one in range(4))
        allow(yes, purpose=purpose)
        allow(no, purpose=purpose)
        refuse(no, purpose=purpose)
        asked(asking, purpose=purpose)
        allow(MemberFactory(), purpose=purpose)
        told = {"program_id": program.pk, "at": AT, "after": 0, "last": asking.pk}
        with django_assert_num_queries(1):
            found = trait.holders(params={"purpose": purpose, "allowed": True}, **told)
        assert found == {yes.pk}
        others = trait.holders(params={"purpose": purpose, "allowed": False}, **told)
        assert others == {no.pk, never.pk, asking.pk}
        assert not trait.holders(params={"purpose": purpose, "allowed": True}, **{**told, "after": yes.pk})

    @pytest.mark.parametrize(
        ("purpose", "is_allowed", "said"),
        [
            (LETTERS, True, "allows letters"),
            (LETTERS, False, "allows no letters"),
            (PERSONAL, True, "allows personal content"),
            (PERSONAL, False, "allows no personal content"),
        ],
    )
    def test_is_typed_and_read(self, purpose, is_allowed, said):
        trait = traits.get("consent")
        fields = trait.fields(program_id=1)
        typed = {"purpose": purpose.value, "allowed": str(is_allowed)}
        params = {name: field.clean(typed[name]) for name, field in fields.items()}
        assert params == {"purpose": purpose, "allowed": is_allowed}
        assert str(fields["allowed"].prepare_value(is_allowed)) in dict(fields["allowed"].choices)
        assert trait.says(params=params, program_id=1) == said
