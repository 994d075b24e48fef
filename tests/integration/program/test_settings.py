"""A mistake in the settings is said at start, with a hint."""

import dataclasses

import pytest
from django.core.checks import run_checks
from django.test import override_settings
from django.utils.translation import gettext_lazy

from loyalty_oscar.program import checks
from loyalty_oscar.program.conf import LoyaltySettings, conf
from loyalty_oscar.shop.orders import statuses
from loyalty_oscar.shop.upkeep import checks as shop_checks


class TestAnUnknownName:
    @override_settings(LOYALTY_RETURN_EVENT_CODE=["returned"])
    def test_is_a_warning_with_the_nearest_one(self):
        (found,) = checks.check_setting_names()
        assert (found.id, found.hint) == ("loyalty_program.W001", "Did you mean LOYALTY_RETURN_EVENT_CODES?")

    def test_is_not_found_where_there_is_none(self):
        assert checks.check_setting_names() == []


class TestAValue:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("LOYALTY_GOODWILL_DAILY_LIMIT", "many"),
            ("LOYALTY_GOODWILL_DAILY_LIMIT", 0),
            ("LOYALTY_DEAD_STATUSES", "Cancelled"),
            ("LOYALTY_CSS", "no"),
            ("LOYALTY_BADGE", "blink"),
            ("LOYALTY_TASKS", "pigeon"),
            ("LOYALTY_EXPIRY_NOTICE_DAYS", (6, 1)),
            ("LOYALTY_EXPIRY_NOTICE_DAYS", 7),
            ("LOYALTY_LEVEL_NOTICE_DAYS", ()),
            ("LOYALTY_LEVEL_NOTICE_DAYS", (30, 0)),
            ("LOYALTY_LEVEL_NOTICE_DAYS", (30, 30)),
            ("LOYALTY_LEVEL_NOTICE_DAYS", ("30",)),
            ("LOYALTY_DAYTIME", "8-20"),
            ("LOYALTY_DAYTIME", (20, 8)),
            ("LOYALTY_DAYTIME", (8, 25)),
            ("LOYALTY_DAYTIME", (8,)),
            ("LOYALTY_DAYTIME", {7, 8}),
            ("LOYALTY_TASKS", ["celery"]),
            ("LOYALTY_TEASERS", (["header"],)),
            ("LOYALTY_UNTOLD_TOPICS", (["points-ready"],)),
            ("LOYALTY_RETURN_EVENT_CODES", (1,)),
            ("LOYALTY_GUEST_DAYS", 999_999),
            ("LOYALTY_HOLD_MINUTES", 10**10),
            ("LOYALTY_LEVEL_NOTICE_DAYS", (999_999,)),
            ("LOYALTY_UNTOLD_TOPICS", ("points-ready", "points-expiring")),
            ("LOYALTY_MAIL_COLORS", {"button": "#ffffff"}),
            ("LOYALTY_MAIL_COLORS", {"action": "teal"}),
        ],
    )
    def test_that_makes_no_sense_is_an_error_that_names_the_setting(self, name, value):
        with override_settings(**{name: value}):
            found = checks.check_setting_values()
        assert len(found) == 1
        assert name in found[0].msg

    @pytest.mark.parametrize(
        ("name", "value"), [("LOYALTY_EXPIRY_NOTICE_DAYS", [7]), ("LOYALTY_LEVEL_NOTICE_DAYS", {90, 1})]
    )
    def test_of_days_may_be_any_list_that_makes_sense(self, name, value):
        with override_settings(**{name: value}):
            assert checks.check_setting_values() == []

    @pytest.mark.parametrize("value", [None, 1, ["Cancelled"], [1], "Cancelled", {"Cancelled": 1}])
    @pytest.mark.parametrize(
        "name",
        [
            *("READY_STATUS", "COUNTS_FROM_STATUS", "DEAD_STATUSES", "DEAD_LINE_STATUSES", "HARMLESS_STATUSES"),
            *("HARMLESS_LINE_STATUSES", "REFERRAL_CONSENT", "SOLD_ELSEWHERE", "API_RATE"),
        ],
    )
    def test_of_the_wrong_kind_stops_no_check_and_is_said_once(self, name, value):
        is_text = name in ("READY_STATUS", "COUNTS_FROM_STATUS", "REFERRAL_CONSENT", "SOLD_ELSEWHERE", "API_RATE")
        with override_settings(**{f"LOYALTY_{name}": value}):
            found = [one for one in run_checks(tags=["loyalty"]) if one.id == "loyalty_program.E001"]
        assert len(found) == (not (value == "Cancelled" if is_text else value == ["Cancelled"]))
        assert all(f"LOYALTY_{name} must" in one.msg for one in found)

    def test_of_reasons_may_be_words_in_the_language_of_the_reader(self):
        with override_settings(LOYALTY_GOODWILL_REASONS=[gettext_lazy("A late parcel")]):
            assert checks.check_setting_values() == []

    def test_is_read_again_when_a_test_overrides_it(self):
        with override_settings(LOYALTY_SWEEP_BATCH=7):
            assert conf.SWEEP_BATCH == 7
        assert LoyaltySettings().SWEEP_BATCH == conf.SWEEP_BATCH

    def test_is_documented_for_every_setting(self):
        assert all(field.metadata["doc"].endswith(".") for field in dataclasses.fields(LoyaltySettings))


class TestTimeZones:
    def test_switched_off_are_an_error_with_a_hint(self, settings):
        assert checks.check_time_zones() == []
        settings.USE_TZ = False
        [found] = checks.check_time_zones()
        assert (found.id, found.is_serious()) == ("loyalty_program.E004", True)
        assert "USE_TZ = True" in found.hint


class TestSqlite:
    @pytest.mark.parametrize(
        ("options", "atomic", "expected"),
        [
            ({}, False, ["loyalty_program.W002"]),
            ({"transaction_mode": "IMMEDIATE"}, True, ["loyalty_program.W003"]),
            ({"transaction_mode": "IMMEDIATE"}, False, []),
        ],
    )
    def test_is_warned_of_when_a_page_could_wait_for_the_write_lock(self, options, atomic, expected, settings):
        there = {"ENGINE": "django.db.backends.sqlite3", "OPTIONS": options, "ATOMIC_REQUESTS": atomic}
        settings.DATABASES = {"default": there}
        assert [found.id for found in checks.check_sqlite()] == expected

    def test_is_told_both_at_once_where_one_cure_would_lead_to_the_other_warning(self, settings):
        settings.DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "ATOMIC_REQUESTS": True}}
        [found] = checks.check_sqlite()
        assert "IMMEDIATE" in found.hint
        assert "Switch ATOMIC_REQUESTS off with it" in found.hint


class TestTheFinalStatus:
    def test_is_the_end_of_the_pipeline_that_is_not_dead(self):
        assert statuses.ready_status() == "Delivered"
        assert shop_checks.check_statuses() == []

    def test_includes_what_may_follow_it(self, settings):
        settings.LOYALTY_READY_STATUS = "Shipped"
        assert statuses.final_statuses() == {"Shipped", "Delivered"}

    def test_is_asked_for_when_more_than_one_is_left(self, settings):
        settings.OSCAR_ORDER_STATUS_PIPELINE = {"New": ("Sent", "Collected"), "Sent": (), "Collected": ()}
        assert [found.id for found in shop_checks.check_statuses()] == ["loyalty_shop.W002"]

    def test_that_no_pipeline_knows_is_a_warning(self, settings):
        settings.LOYALTY_READY_STATUS = "Done"
        (found,) = shop_checks.check_statuses()
        assert found.id == "loyalty_shop.W001"
        assert "Delivered" in found.hint
