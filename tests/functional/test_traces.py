"""What is known of somebody: others are not told, and nothing of it is left in our tables once they are gone."""

import json
import re
import unicodedata

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.urls import reverse

from loyalty_oscar.ledger.audit import audit
from loyalty_oscar.program.models import Delivery, JobRun, Member
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.self_service.export import export_member
from loyalty_oscar.testing import clock
from tests.everything import EMAIL, PASSWORD, TRACES, cells, everything, ours
from tests.storefront import day

pytestmark = pytest.mark.django_db
LATER = day(9, 1)


def traced(text):
    """Whether a text names Zoe, however it is written."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return any(trace in plain or trace in re.sub(r"[^a-z0-9]", "", plain) for trace in TRACES)


def traces():
    """Where our tables, and what the admin logged of them, name Zoe."""
    logged = (("admin.LogEntry", f"{row.object_repr} {row.change_message}") for row in LogEntry.objects.all())
    return sorted({where for where, text in (*cells(ours()), *logged) if traced(text)})


@pytest.fixture
def life():
    return everything()


class TestSomebodyElsesExport:
    def test_names_nobody_but_its_owner(self, life):
        with clock.at(LATER):
            told = {m.user.email: json.dumps(export_member(member=m, at=LATER)) for m in Member.objects.all()}
        assert set(told) == {EMAIL, "boris@example.com", "friend@example.com"}
        assert traced(told[EMAIL]), "staff typed her name, and she may read that"
        for email in set(told) - {EMAIL}:
            assert not traced(told[email])
        for email, text in told.items():
            assert not [other for other in told if other != email and other in text]


class TestWhoLeaves:
    def test_leaves_no_trace_in_any_table_of_ours(self, life):
        before = traces()
        # The test is worth as much as what stood there.
        assert {
            "admin.LogEntry",
            "loyalty_exclusives.Reminder.words",
            "loyalty_journeys.Answer.text",
            "loyalty_journeys.Case.reason",
            "loyalty_journeys.Case.text",
            "loyalty_ledger.Note.text",
            "loyalty_referrals.Referral.reason",
            "loyalty_tiers.GivenTier.reason",
        } <= set(before)
        with clock.at(LATER):
            life.client.force_login(life.zoe)
            life.client.post(reverse("customer:profile-delete"), {"password": PASSWORD})
        assert not get_user_model().objects.filter(email=EMAIL).exists()
        assert traces() == []
        assert [step.wrong for step in audit() if step.wrong] == []

    @pytest.mark.parametrize("model", [Delivery, JobRun, OrderSync])
    def test_leaves_none_in_what_was_written_down_of_errors(self, life, model):
        assert [row.error for row in model.objects.all() if EMAIL in row.error] == []
        if model is Delivery:
            assert "OSError: {'…': (550" in Delivery.objects.exclude(error="").latest("pk").error
            with clock.at(LATER):
                life.zoe.delete()
            assert not Delivery.objects.filter(error__contains="550").exists()
