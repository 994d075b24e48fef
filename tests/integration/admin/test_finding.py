"""Finding members as staff know them: by name, e-mail, order number, code and public id; and what the lists cost."""

import csv
import io

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.ledger.models import Account, Entry
from loyalty_oscar.program import clock
from loyalty_oscar.program.models import Member
from loyalty_oscar.referrals.operations import code_of
from loyalty_oscar.testing.factories import AccountFactory, LotFactory
from loyalty_oscar.tiers.operations import give_tier
from loyalty_oscar.tiers.queries import ladder_of
from tests.integration.tiers.ladders import a_ladder
from tests.orders import place

#: What Oscar's registration makes up where nobody is asked for a name.
RANDOM = "WIbIJHeHLJtqb17YziTvn9zgRpPJsj"
LISTS = ("loyalty_program_member", "loyalty_ledger_account", "loyalty_ledger_entry")


def found(client, query, model="loyalty_program_member"):
    """The rows that the list of a model shows for the query of its address."""
    response = client.get(reverse(f"admin:{model}_changelist") + f"?{query}")
    assert response.status_code == 200, response.get("Location")
    return list(response.context["cl"].result_list)


@pytest.fixture
def anna(unit):
    user = get_user_model().objects.create_user(RANDOM, "anna@example.com", "x", first_name="Anna", last_name="Brandt")
    account = AccountFactory(member__program=unit.program, member__user=user)
    LotFactory(account=account, points=1200, key="g:1", source="g", because=Because("adjusted"), for_ever=True)
    return account.member


@pytest.fixture
def other(unit, customer):
    return AccountFactory(member__program=unit.program, member__user=customer).member


class TestAMember:
    def test_is_called_by_name_and_address_and_never_by_a_random_user_name(self, root, anna, other):
        for model in LISTS:
            html = root.get(reverse(f"admin:{model}_changelist")).content.decode()
            assert "Anna Brandt (anna@example.com)" in html
            assert RANDOM not in html
        html = root.get(reverse("admin:loyalty_program_member_change", args=[anna.pk])).content.decode()
        assert "Anna Brandt (anna@example.com)" in html
        assert RANDOM not in html

    @pytest.mark.parametrize("query", ["q=brandt", "q=Anna+Brandt", "q=anna@", "q=ANNA"])
    def test_is_found_by_name_and_address(self, root, anna, other, query):
        assert found(root, query) == [anna]

    def test_is_found_by_the_public_id(self, root, anna, other):
        assert found(root, f"q={anna.public_id}") == [anna]

    def test_is_found_by_the_number_of_an_order(self, root, anna, other):
        order = place(user=anna.user, lines=[("10.00", 1)])
        assert found(root, f"q={order.number}") == [anna]

    def test_is_found_by_the_code_for_friends(self, root, anna, other):
        code = code_of(member=anna).code
        assert found(root, f"q={code}") == [anna]
        assert found(root, f"q={code.replace('-', '').upper()}") == [anna]

    @pytest.mark.parametrize(
        "query", ["q=nobody", "q=" + "9" * 400, "q=%25_", "q=<b>", "ready=xx", "points=--", "%00=1"]
    )
    def test_is_not_found_by_nonsense(self, root, anna, other, query):
        response = root.get(reverse("admin:loyalty_program_member_changelist") + f"?{query}")
        assert response.status_code in (200, 302)
        if response.status_code == 200 and query.startswith("q="):
            assert anna not in response.context["cl"].result_list

    def test_leads_to_the_entries_and_accounts(self, root, anna, other):
        assert [row.member for row in found(root, "q=brandt", "loyalty_ledger_account")] == [anna]
        assert [row.account.member for row in found(root, "q=brandt", "loyalty_ledger_entry")] == [anna]


class TestTheListOfMembers:
    def test_is_narrowed_by_points_that_are_ready(self, root, anna, other):
        assert found(root, "ready=1000") == [anna]
        assert found(root, "ready=10000") == []
        assert found(root, "ready=0") == [other]

    def test_shows_and_is_narrowed_by_the_level_where_there_are_levels(self, root, unit, anna, other):
        url = reverse("admin:loyalty_program_member_changelist")
        assert "column-level" not in root.get(url).content.decode()
        ladder = a_ladder(unit=unit)
        gold = ladder.tiers.get(rank=3)
        about = {"ladder": ladder_of(program_id=unit.program_id), "member_id": anna.pk, "tier": gold}
        give_tier(**about, until=None, reason="Friend", actor="system", at=clock.now())
        assert gold.name in root.get(url).content.decode()
        assert found(root, "level=3") == [anna]
        assert found(root, "level=0") == [other]
        assert found(root, "level=1") == []

    @pytest.mark.parametrize("bucket", ["pending", "debt"])
    def test_is_narrowed_by_other_points(self, root, anna, other, bucket):
        assert found(root, f"points={bucket}") == []
        Account.objects.filter(member=other).update(**{bucket: 5})
        assert found(root, f"points={bucket}") == [other]

    def test_is_narrowed_by_the_last_order(self, root, anna, other):
        place(user=anna.user, lines=[("10.00", 1)])
        assert found(root, "ordered=in-30") == [anna]
        assert found(root, "ordered=never") == [other]
        assert found(root, "ordered=not-90") == []

    def test_asks_no_more_for_a_page_of_members_than_for_two(self, root, unit, anna, other):
        def asked(model):
            with CaptureQueriesContext(connection) as queries:
                found(root, "", model)
            return len(queries)

        for model in LISTS:
            asked(model)
        before = {model: asked(model) for model in LISTS}
        users = get_user_model().objects.bulk_create(
            [get_user_model()(username=f"u{n}", email=f"u{n}@example.com") for n in range(150)]
        )
        members = [Member(program=unit.program, user=user, joined_at=clock.now()) for user in users]
        Account.objects.bulk_create([Account(member=m, unit=unit) for m in Member.objects.bulk_create(members)])
        after = {model: asked(model) for model in LISTS}
        assert after == before
        assert max(after.values()) <= 12
        assert Entry.objects.count() == 1


class TestTheFile:
    def rows(self, client, *members):
        url = reverse("admin:loyalty_program_member_changelist")
        answer = client.post(url, {"action": "download", "_selected_action": [member.pk for member in members]})
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        return list(csv.DictReader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))

    def test_holds_the_members_that_were_ticked_with_name_points_and_worth(self, root, anna, other):
        place(user=anna.user, lines=[("10.00", 1)])
        (row,) = self.rows(root, anna)
        told = (row["First name"], row["Last name"], row["E-mail"], row["Ready"], row["Worth"])
        assert told == ("Anna", "Brandt", "anna@example.com", "1200", "€12.00")
        assert row["Last order"] == str(clock.now().date())
        assert [head for head in row if head[0].islower()] == []

    def test_holds_no_name_that_a_spreadsheet_would_run(self, root, anna):
        anna.user.first_name, anna.user.last_name = "=1+1", "＝1+1"
        anna.user.save()
        (row,) = self.rows(root, anna)
        assert (row["First name"], row["Last name"]) == ("'=1+1", "'＝1+1")

    def test_is_for_who_may_see_members_alone(self, staff, anna):
        url, data = reverse("admin:loyalty_program_member_changelist"), {"action": "download"}
        data["_selected_action"] = [anna.pk]
        assert staff("loyalty_program.view_program")[1].post(url, data).status_code == 403
        assert self.rows(staff("loyalty_program.view_member")[1], anna)[0]["E-mail"] == "anna@example.com"
