"""Who changed what from which value to which, and what a member's history holds."""

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from loyalty_oscar.program import clock
from loyalty_oscar.program.operations import join
from loyalty_oscar.redemption.models import UseTerms
from loyalty_oscar.testing.factories import UseTermsFactory
from loyalty_oscar.tiers.models import Ladder
from tests.forms import fields_of
from tests.integration.tiers.ladders import a_ladder


def changed(client, row, form_id, **typed):
    """Save a change page with these fields typed anew, as a browser does; returns what its history says of it."""
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])
    answer = client.post(url, {**fields_of(client.get(url), form_id), **typed})
    assert answer.status_code == 302, answer.context["errors"]
    said = LogEntry.objects.latest("pk").get_change_message().replace("\xa0", " ")
    history = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_history", args=[row.pk]))
    assert said.split("→")[0] in history.content.decode().replace("\xa0", " ").replace("&#x27;", "'")
    return said


class TestTheHistoryOfAPage:
    def test_says_both_values_of_a_number_and_a_switch(self, root, unit):
        terms = UseTermsFactory(program=unit.program)
        before = UseTerms.objects.get().minimum
        said = changed(root, terms, "useterms_form", minimum="700", is_on="")
        assert f": {before or 'nothing'} → 700" in said
        assert ": yes → no" in said

    def test_says_both_values_of_a_choice_in_words(self, root, unit):
        said = changed(root, unit.program, "program_form", hold_days="21", rounding="ceil")
        assert ": 14 → 21" in said
        assert "ceil" not in said

    def test_says_what_was_changed_in_a_row(self, root, unit):
        a_ladder(unit=unit)
        ladder = Ladder.objects.get()
        said = changed(root, ladder, "ladder_form", **{"tiers-1-takes": "155.00"})
        assert "150" in said
        assert "→ 155" in said

    def test_is_empty_where_nothing_was_changed(self, root, unit):
        terms = UseTermsFactory(program=unit.program)
        with pytest.raises(LogEntry.DoesNotExist):
            changed(root, terms, "useterms_form")


class TestTheHistoryOfAMember:
    @pytest.fixture
    def member(self, unit, customer):
        return join(program=unit.program, user_id=customer.pk, at=clock.now())

    def test_holds_what_was_done_by_hand_without_reason_or_name(self, root, member):
        url = reverse("admin:loyalty_program_member_adjust", args=[member.pk])
        token = "1b671a64-40d5-491e-99b0-da01ff1f3341"
        assert root.post(url, {"token": token, "points": "25", "reason": "Parcel"}).status_code == 302
        row = LogEntry.objects.get()
        assert (row.change_message, row.object_repr) == (
            "By hand: +25 paws".replace(" paws", "\xa0paws"),
            str(member.public_id),
        )
        page = root.get(reverse("admin:loyalty_program_member_history", args=[member.pk])).content.decode()
        assert "By hand: +25" in page
