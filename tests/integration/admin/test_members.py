"""The member's page: numbers, statement, and points by hand."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger import operations as ledger
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.operations import join
from loyalty_oscar.testing.factories import AccountFactory, LotFactory

VIEW, ADJUST = "loyalty_program.view_member", "loyalty_ledger.adjust_account"


@pytest.fixture
def account(unit, customer):
    account = AccountFactory(member__program=unit.program, member__user=customer)
    for points, ready in ((100, clock.now() - timedelta(days=1)), (40, None)):
        told = {"key": f"g:{points}", "source": "g", "because": Because("adjusted")}
        LotFactory(account=account, points=points, available_at=ready, expires_at=None, **told)
    return account


def page(account, name="change"):
    return reverse(f"admin:loyalty_program_member_{name}", args=[account.member_id])


def typed(**fields):
    return {"token": str(uuid.uuid4()), "points": "25", "reason": "Parcel was late", **fields}


def balance(account):
    return Account.objects.get(pk=account.pk).available


class TestAMembersPage:
    def test_shows_numbers_and_the_statement_with_why(self, root, account):
        html = root.get(page(account)).content.decode()
        assert 'data-loyalty="available" data-value="100"' in html
        assert 'data-loyalty="pending" data-value="40"' in html
        assert html.count("Changed by the shop") == 2
        assert "<code>g:100</code>" in html

    def test_leads_to_every_entry_of_the_member(self, root, account):
        url = reverse("admin:loyalty_ledger_entry_changelist") + f"?account__id__exact={account.pk}"
        assert root.get(url).context["cl"].result_count == 2

    def test_is_found_by_the_address_of_the_person(self, root, account):
        found = root.get(reverse("admin:loyalty_program_member_changelist") + "?q=boris@")
        assert [member.pk for member in found.context["cl"].result_list] == [account.member_id]

    def test_offers_the_form_only_to_who_may_adjust(self, staff, account):
        _user, looks = staff(VIEW)
        _user, may = staff(VIEW, ADJUST)
        assert page(account, "adjust") not in looks.get(page(account)).content.decode()
        assert page(account, "adjust") in may.get(page(account)).content.decode()

    def test_cannot_be_changed_added_or_deleted(self, root, account):
        assert root.post(page(account), {"user": ""}).status_code == 403
        assert root.post(page(account, "delete"), {"post": "yes"}).status_code == 403
        assert root.get(reverse("admin:loyalty_program_member_add")).status_code == 403
        account.member.refresh_from_db()
        assert account.member.user_id is not None


class TestPointsByHand:
    def test_are_given_with_the_reason_and_the_name(self, staff, account):
        user, client = staff(VIEW, ADJUST)
        assert client.post(page(account, "adjust"), typed()).status_code == 302
        entry = Entry.objects.latest("pk")
        assert (entry.d_available, entry.actor, entry.note.text) == (25, f"staff:{user.pk}", "Parcel was late")
        assert entry.key.startswith("manual:")
        assert balance(account) == 125
        assert "Parcel was late" in client.get(page(account)).content.decode()

    def test_are_taken(self, root, account):
        assert root.post(page(account, "adjust"), typed(points="-100")).status_code == 302
        assert balance(account) == 0

    def test_count_once_however_often_the_form_is_sent(self, root, account):
        data = typed()
        assert [root.post(page(account, "adjust"), data).status_code for _ in range(2)] == [302, 302]
        assert balance(account) == 125

    def test_are_refused_where_the_same_form_comes_with_another_number(self, root, account):
        data = typed()
        root.post(page(account, "adjust"), data)
        assert root.post(page(account, "adjust"), {**data, "points": "26"}).context["form"].errors["__all__"]
        assert balance(account) == 125

    @pytest.mark.parametrize(
        ("fields", "wrong"),
        [
            ({"points": "-101"}, "points"),
            ({"points": "0"}, "points"),
            ({"points": "many"}, "points"),
            ({"points": "1.5"}, "points"),
            ({"points": "99999999999999999999"}, "points"),
            ({"reason": "  "}, "reason"),
            ({"reason": "x" * 301}, "reason"),
            ({"token": "mine"}, "token"),
        ],
    )
    def test_are_refused_beside_the_field_and_nothing_moves(self, root, account, fields, wrong):
        response = root.post(page(account, "adjust"), typed(**fields))
        assert list(response.context["form"].errors) == [wrong]
        assert (balance(account), Entry.objects.count()) == (100, 2)

    def test_say_how_many_could_be_taken(self, root, account):
        response = root.post(page(account, "adjust"), typed(points="-101"))
        assert "100" in response.context["form"].errors["points"][0]

    @pytest.mark.parametrize("permissions", [(), (VIEW,), (ADJUST,), (VIEW, "loyalty_ledger.goodwill_account")])
    def test_need_a_permission_of_their_own(self, staff, account, permissions):
        _user, client = staff(*permissions)
        assert client.get(page(account, "adjust")).status_code == 403
        assert client.post(page(account, "adjust"), typed()).status_code == 403
        assert (balance(account), Entry.objects.count()) == (100, 2)

    def test_are_never_for_oneself(self, staff, unit):
        user, client = staff(superuser=True)
        own = ledger.open_account(member=join(program=unit.program, user_id=user.pk, at=clock.now()), unit=unit)
        assert client.post(page(own, "adjust"), typed()).status_code == 403
        assert balance(own) == 0
        assert not Entry.objects.exists()

    def test_are_not_for_the_member_into_whom_one_was_merged(self, staff, unit, account):
        user, client = staff(superuser=True)
        own = join(program=unit.program, user_id=user.pk, at=clock.now())
        ledger.merge(member=own, into=account.member, actor="staff:1", at=clock.now())
        assert client.post(page(account, "adjust"), typed()).status_code == 403
        assert balance(account) == 100

    def test_open_an_account_where_there_was_none(self, root, unit, customer):
        member = join(program=unit.program, user_id=customer.pk, at=clock.now())
        url = reverse("admin:loyalty_program_member_adjust", args=[member.pk])
        assert root.post(url, typed()).status_code == 302
        assert Account.objects.get(member=member).available == 25
