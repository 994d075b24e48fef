"""`loyalty_doctor`: what is missing or wrong in a shop, with what to do."""

import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.sites.models import Site
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.template import engines
from oscar.apps.basket.middleware import BasketMiddleware
from oscar.test.factories import UserFactory

from loyalty_oscar.earning.models import RuleVersion
from loyalty_oscar.earning.operations import save_rule
from loyalty_oscar.ledger import triggers
from loyalty_oscar.program.models import Delivery, Event, JobRun, ProductSet, Program
from loyalty_oscar.program.queries import forget_cache
from loyalty_oscar.shop.models import OrderSync
from loyalty_oscar.shop.upkeep.doctor import Level, doctor_checks, examine, install, templates
from loyalty_oscar.testing import clock
from tests.integration.commands.calling import books, manage
from tests.integration.journeys.deeds import a_campaign
from tests.integration.tiers.ladders import a_ladder
from tests.once import a_program
from tests.orders import imported

pytestmark = pytest.mark.django_db


class OwnBaskets(BasketMiddleware):
    """A shop's own, under a name of its own."""


def found(about, *levels):
    """What the doctor says about a subject, as (level, text and hint)."""
    wanted = levels or (Level.NOTE, Level.WARNING, Level.ERROR)
    findings = [f for f in examine(at=clock.now()) if f.about == about and f.level in wanted]
    return [(finding.level, f"{finding.text} | {finding.hint}") for finding in findings]


@pytest.fixture(autouse=True)
def one_domain(db):
    Site.objects.update(domain="tumblepaw.example")


@pytest.fixture(autouse=True)
def one_cache_for_all(settings):
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "counts"}}


class TestAShopThatIsWell:
    def test_is_told_so(self):
        a_program()
        manage("run")
        said = manage("doctor")
        assert (said.code, said.err) == (0, "")
        assert said.out.endswith("All is well.\n")
        assert all(line.startswith("ok ") for line in said.out.splitlines()[:-1])

    def test_is_told_so_in_json(self):
        a_program()
        manage("run")
        said = json.loads(manage("doctor --json").out)
        assert said["ok"] is True
        assert {finding["level"] for finding in said["findings"]} == {"ok"}
        assert set(said["findings"][0]) == {"level", "about", "text", "hint"}

    def test_is_left_as_it_is(self):
        a_program()
        before = books()
        manage("doctor")
        assert books() == before

    def test_may_have_no_program_yet(self):
        said = manage("doctor")
        assert said.code == 0
        assert "Run `manage.py loyalty_setup`." in said.out

    def test_may_have_a_draft_that_needs_no_jobs(self):
        manage("setup")
        [(level, text)] = found("program")
        assert level == Level.NOTE
        assert text.startswith("“Loyalty Club” (points) is a draft: not live yet")
        assert found("jobs") == []


class TestAnInstallMistake:
    def test_is_our_apps_behind_oscars(self, monkeypatch):
        configs = list(install.apps.get_app_configs())
        ours = [config for config in configs if config.name.startswith("loyalty_oscar")]
        theirs = [config for config in configs if config not in ours]
        monkeypatch.setattr(install.apps, "get_app_configs", lambda: [*theirs, *ours])
        [(level, text)] = found("apps")
        assert level == Level.ERROR
        assert "[*loyalty_oscar.SUITE, *INSTALLED_APPS]" in text

    def test_is_a_missing_middleware(self, settings):
        settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "loyalty" not in name]
        [(level, text)] = found("middleware")
        assert level == Level.ERROR
        assert "behind Oscar's BasketMiddleware" in text

    def test_is_a_middleware_before_the_basket(self, settings):
        settings.MIDDLEWARE = [settings.MIDDLEWARE[-1], *settings.MIDDLEWARE[:-1]]
        assert [level for level, _text in found("middleware")] == [Level.WARNING]

    def test_is_not_a_middleware_of_the_shop_that_derives_from_oscars(self, settings):
        settings.MIDDLEWARE = [
            "tests.integration.commands.test_doctor.OwnBaskets" if "BasketMiddleware" in name else name
            for name in settings.MIDDLEWARE
        ]
        assert found("middleware") == []
        settings.MIDDLEWARE = [settings.MIDDLEWARE[-1], *settings.MIDDLEWARE[:-1]]
        assert [level for level, _text in found("middleware")] == [Level.WARNING]

    def test_is_a_missing_address(self, settings):
        settings.ROOT_URLCONF = "tests.integration.commands.no_urls"
        [(level, text)] = found("addresses")
        assert level == Level.ERROR
        assert 'include("loyalty_oscar.urls")' in text

    def test_is_a_domain_that_nobody_has_written_down(self, settings):
        Site.objects.update(domain="example.com")
        assert found("addresses") == []
        unit = a_program()
        settings.OSCAR_URL_SCHEMA = "https"
        [(level, text)] = found("addresses")
        assert (level, text.partition(" |")[0]) == (Level.WARNING, "mails lead to https://example.com/")
        unit.program.sites.create(site=Site.objects.create(domain="paws.example", name="Paws"))
        assert found("addresses") == []

    def test_is_a_setting_that_nobody_reads(self, settings):
        settings.LOYALTY_REDY_STATUS = "Delivered"
        assert found("settings") == [
            ("warning", "There is no setting LOYALTY_REDY_STATUS. | Did you mean LOYALTY_READY_STATUS?")
        ]

    def test_is_a_status_that_is_not_clear(self, settings):
        settings.OSCAR_ORDER_STATUS_PIPELINE = {"New": ("Sent", "Fetched"), "Sent": (), "Fetched": ()}
        assert any("It is not clear after which order status" in text for _level, text in found("settings"))

    def test_is_a_value_that_makes_commands_stop_but_not_the_doctor(self, settings):
        settings.LOYALTY_TASKS = "carrier-pigeon"
        said = manage("doctor")
        assert said.code == 1
        assert said.err == "errors: 1"
        assert "LOYALTY_TASKS is 'carrier-pigeon'" in said.out

    @pytest.mark.parametrize(
        ("oscar", "treebeard", "levels"),
        [((4, 1), "5.0.1", ["error"]), ((4, 1), "4.7.1", []), ((4, 2), "5.0.1", [])],
    )
    def test_is_a_treebeard_too_new_for_oscar(self, monkeypatch, oscar, treebeard, levels):
        monkeypatch.setattr(install, "OSCAR_VERSION", (*oscar, 0, "final", 0))
        monkeypatch.setattr(install, "version", lambda name: treebeard)
        assert [level for level, _text in found("versions")] == levels

    def test_is_noted_where_a_version_was_not_tested(self, monkeypatch):
        monkeypatch.setattr(install, "DJANGO_VERSION", (7, 0, 1, "final", 0))
        [(level, text)] = found("versions")
        assert (level, text.partition(" |")[0]) == (
            Level.NOTE,
            "this version was tested with Django 5.2, 6.0, 6.1, and not with 7.0",
        )

    def test_knows_the_versions_that_the_lists_say(self):
        """tox runs them, the classifiers and the README name them."""
        root = Path(install.__file__).parents[4]
        cells = (root / "tox.ini").read_text().partition("[testenv]")[0]
        numbers = {
            f"{number[0]}.{number[1]}" for found in re.findall(r"dj\{?([\d,]+)", cells) for number in found.split(",")
        }
        assert tuple(sorted(numbers)) == install.TESTED["Django"]
        classifiers = re.findall(r"Framework :: Django :: ([\d.]+)", (root / "pyproject.toml").read_text())
        assert tuple(classifiers) == install.TESTED["Django"]
        assert "Django 5.2, 6.0 or 6.1" in (root / "README.md").read_text()

    def test_is_a_copy_of_a_template_that_hides_ours(self, settings, tmp_path):
        name = "oscar/partials/nav_accounts.html"
        (tmp_path / "oscar/partials").mkdir(parents=True)
        (tmp_path / name).write_text("<nav>a copy</nav>")
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        [(level, text)] = found("templates")
        assert level == Level.WARNING
        assert f"{name} is shadowed by {tmp_path}" in text
        assert "{% load loyalty %} {% loyalty_" in text

    def test_says_the_tags_as_they_can_be_pasted(self, settings, tmp_path):
        """Each hint for a template that is hidden can be rendered where the page has what Oscar's page has."""
        for path in templates.OURS.glob("oscar/**/*.*"):
            copy = tmp_path / path.relative_to(templates.OURS)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text("a copy")
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        hints = {text.partition(" ")[0]: text.partition(" | ")[2] for _level, text in found("templates")}
        assert len(hints) == len(list(templates.OURS.glob("oscar/**/*.*")))
        for hint in hints.values():
            engines["django"].from_string(hint.partition(" Or let it begin")[0])
        said = {
            name: "".join(re.findall(r"{% (?!load)[^%]*%}", hint.partition(" Or")[0])) for name, hint in hints.items()
        }
        assert said["oscar/basket/partials/basket_totals.html"].startswith("{% loyalty_use_points basket %}")
        assert said["oscar/catalogue/partials/add_to_basket_form.html"] == '{% loyalty_pieces "product:buy" product %}'
        assert said["oscar/order/partials/basket_totals.html"] == (
            "{% loyalty_named discounts as discounts %}{% loyalty_named_delivery order as order %}"
        )
        assert "{% load loyalty_staff %}" in hints["oscar/dashboard/orders/order_detail.html"]

    @pytest.mark.parametrize(
        ("name", "shops", "hidden"),
        [
            ("oscar/partials/nav_accounts.html", "", []),
            (
                "oscar/basket/partials/basket_content.html",
                "{% block formactions %}{{ block.super }}!{% endblock %}",
                [],
            ),
            ("oscar/basket/partials/basket_content.html", "{% block formactions %}!{% endblock %}", []),
            (
                "oscar/basket/partials/basket_content.html",
                "{% block formactions %}a{% endblock %}{% block baskettotals %}b{% endblock %}",
                ["baskettotals"],
            ),
            (
                "oscar/checkout/preview.html",
                "{% block place_order %}{% if x %}{{ block.super }}{% endif %}{% endblock %}",
                [],
            ),
            ("oscar/catalogue/detail.html", "{% block content %}all new{% endblock %}", ["product_stock_record"]),
            ("oscar/catalogue/detail.html", "{% block title %}another{% endblock %}", []),
            (
                "oscar/catalogue/detail.html",
                "{% block content %}{% block product_stock_record %}{{ block.super }}{% endblock %}{% endblock %}",
                [],
            ),
        ],
    )
    def test_is_a_block_that_an_override_fills_anew(self, settings, tmp_path, name, shops, hidden):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(f'{{% extends "{name}" %}}{shops}')
        settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [tmp_path]}]
        said = found("templates")
        assert [re.findall(r"hides its block “(\w+)”", text) for _level, text in said] == [[block] for block in hidden]
        for level, text in said:
            assert level == Level.WARNING
            assert text.startswith(f"{name} is reached, but {tmp_path / name} hides")
            assert "Put {{ block.super }} into its block “" in text
            assert "Or: Put {% load loyalty %} {% loyalty_" in text

    @pytest.mark.parametrize(
        ("backend", "level", "says"),
        [
            ("dummy.DummyCache", Level.ERROR, "no code word brings points"),
            ("locmem.LocMemCache", Level.WARNING, "guess four times as often"),
        ],
    )
    def test_is_a_cache_that_counts_for_no_other_process(self, settings, backend, level, says):
        a_program()
        assert found("cache") == []
        settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
        [(found_level, text)] = found("cache")
        assert found_level == level
        assert says in text
        settings.DEBUG = True
        assert [found_level for found_level, _text in found("cache")] != [Level.WARNING]

    def test_is_a_migration_that_did_not_run(self):
        assert found("tables") == []
        recorder = MigrationRecorder(connection)
        rows = [recorder.migration_qs.filter(app=f"loyalty_{app}").latest("name") for app in ("earning", "shop")]
        recorder.migration_qs.filter(pk__in=[row.pk for row in rows]).delete()
        [(level, text)] = found("tables")
        assert level == Level.ERROR
        assert f"loyalty_earning.{rows[0].name}, loyalty_shop.{rows[1].name} did not run" in text
        assert text.endswith("Run `manage.py migrate`.")
        assert manage("doctor").code == 1


class TestTheStateOfThings:
    def test_is_an_error_where_nobody_calls_the_jobs_of_a_live_program(self):
        at = clock.now()
        program = a_program(live_from=at - timedelta(hours=1)).program
        assert [level for level, _text in found("jobs")] == [Level.WARNING]  # They may be set up next.
        Program.objects.filter(pk=program.pk).update(earns_from=at - timedelta(hours=3))
        assert [level for level, _text in found("jobs")] == [Level.ERROR]
        said = manage("doctor --json")
        assert (said.code, json.loads(said.out)["ok"]) == (1, False)
        manage("run")
        JobRun.objects.filter(name="sweep").update(started_at=at - timedelta(hours=3))
        assert [level for level, _text in found("jobs")] == [Level.WARNING]  # One is late, the others are called.
        JobRun.objects.update(started_at=at - timedelta(hours=30))
        assert {level for level, _text in found("jobs")} == {Level.ERROR}
        JobRun.objects.filter(name="sweep").update(error="no luck")  # The last call of all failed at one of them.
        assert {level for level, _text in found("jobs")} == {Level.ERROR}

    def test_names_jobs_that_never_ran_failed_or_are_late(self):
        at = clock.now()
        a_program(live_from=at - timedelta(days=3))
        assert [text.partition(" |")[0] for _level, text in found("jobs")] == ["none ever ran"]
        manage("run --only sweep")
        [(_level, text)] = found("jobs")
        assert text.startswith("nightly, mature, ")
        assert " never ran | Call `manage.py loyalty_run`" in text
        manage("run")
        assert found("jobs") == []
        JobRun.objects.filter(name="sweep").update(started_at=at - timedelta(hours=3))
        JobRun.objects.filter(name="nightly").update(started_at=at - timedelta(hours=25))
        JobRun.objects.filter(name="mature").update(error="no luck")
        texts = [text.partition(" |")[0].replace("\xa0", " ") for _level, text in found("jobs")]
        assert texts == ["sweep last ran 3 hours ago", "mature failed 0 minutes ago: no luck"]
        JobRun.objects.filter(name="holds").update(started_at=at - timedelta(hours=5))
        texts = [text.partition(" |")[0].replace("\xa0", " ") for _level, text in found("jobs")]
        assert texts[0] == "sweep, holds last ran 3 hours ago or earlier"
        JobRun.objects.filter(name="holds").update(started_at=at)
        JobRun.objects.filter(name="mature").update(good_at=at - timedelta(hours=2))
        text = next(text for _level, text in found("jobs") if "mature" in text).replace("\xa0", " ")
        assert text.startswith("mature failed 0 minutes ago: no luck (it last went well 2 hours ago)")

    def test_names_a_job_that_begins_each_night_and_never_ends(self):
        at = clock.now()
        a_program(live_from=at - timedelta(days=9))
        manage("run")
        nightly = JobRun.objects.filter(name="nightly")
        nightly.update(started_at=at - timedelta(hours=1), finished_at=None)
        assert found("jobs") == []  # It is at work.
        nightly.update(good_at=at - timedelta(days=3))
        [(level, text)] = found("jobs")
        said = "nightly began 1 hour ago and did not end (it last went well 3 days ago)"
        assert (level, text.partition(" |")[0].replace("\xa0", " ")) == (Level.WARNING, said)

    def test_names_messages_that_wait_or_were_given_up(self):
        at = clock.now()
        long_ago = at - timedelta(hours=2)
        fresh, waits, failed = (Event(topic="welcome", key=key, at=long_ago, is_new=key == "a") for key in "abc")
        Event.objects.bulk_create([fresh, waits, failed])
        told = {"consumer": "mail", "next_at": long_ago}
        Delivery.objects.create(event=waits, **told)
        Delivery.objects.create(event=failed, is_open=False, error="refused", **told)
        Delivery.objects.create(event=failed, **told | {"consumer": "left-us"})
        (_, waiting), (_, given_up) = found("messages")
        assert waiting.startswith(f"2 wait, the oldest since {long_ago:%Y-%m-%d %H:%M}")
        assert given_up.startswith("1 were given up; the last one said: refused")

    def test_names_orders_that_fail(self):
        OrderSync.objects.create(order_id=42, failures=3, error="ZeroDivisionError: no luck")
        [(level, text)] = found("orders")
        assert level == Level.WARNING
        assert "order 42 says: ZeroDivisionError: no luck" in text

    def test_names_product_sets_without_a_range(self):
        ProductSet.objects.create(code="food", name="Food")
        assert found("product sets") == []  # Nobody misses its products.
        named = {"code": "product-set", "params": {"sets": ["food"]}}
        told = {"name": "Food", "type": "per-unit", "params": {"points": 5}, "narrowed": [named], "is_on": True}
        save_rule(unit=a_program(), code="food", actor="system", at=clock.now(), **told)
        [(level, text)] = found("product sets")
        assert (level, text.startswith("“Food” is tied to no range")) == (Level.WARNING, True)

    def test_names_currencies_that_no_rule_counts(self):
        at = clock.now()
        a_program(live_from=at - timedelta(days=3))
        imported(user=UserFactory(), lines=[("9.00", 1)], placed_at=at - timedelta(days=1), currency="CHF")
        [(level, text)] = found("rules")
        assert level == Level.WARNING
        assert text.startswith("1 orders of 90 days in CHF brought nothing")

    def test_names_rules_that_no_longer_build(self):
        a_program()
        RuleVersion.objects.update(params={"currency": "EUR", "points": 0, "step_minor": 100})
        [(level, text)] = found("rules")
        assert level == Level.ERROR
        assert "base of “Paw Club” no longer builds: points must be a whole number" in text

    def test_names_rules_that_count_from_a_level_that_is_not_there(self):
        unit = a_program()
        ladder = a_ladder(unit=unit)
        narrowed = [{"code": "tier", "params": {"rank": 3}}]
        save_rule(
            unit=unit, code="gold", name="Gold", type="multiplier", params={"percent": 300}, narrowed=narrowed,
            actor="system", at=clock.now(),
        )  # fmt: skip
        assert found("rules") == []
        ladder.tiers.filter(rank=3).delete()
        forget_cache()
        [(level, text)] = found("rules")
        assert level == Level.WARNING
        assert text.startswith("gold of “Paw Club” counts from level 3, which is not there: it brings nothing")

    @pytest.mark.parametrize("setting", ["SECURE_PROXY_SSL_HEADER", "USE_X_FORWARDED_HOST", "USE_X_FORWARDED_PORT"])
    def test_names_a_proxy_whose_address_would_count_for_everybody(self, settings, setting):
        setattr(settings, setting, ("HTTP_X_FORWARDED_PROTO", "https"))
        unit = a_program()
        assert found("network", *Level) == []
        a_campaign(unit, "sign-up")
        [(level, text)] = found("network")
        assert level == Level.NOTE
        assert text.startswith(f"{setting} says that the shop stands behind a proxy, and REMOTE_ADDR counts: if that")
        assert "20 people a day" in text

    def test_names_no_proxy_where_nothing_speaks_of_one(self):
        a_campaign(a_program(), "word", word="woof24")
        [(level, _text)] = found("network", *Level)
        assert level == Level.OK

    def test_names_a_program_without_a_site(self):
        a_program()
        Program.objects.update(is_default=False)
        assert (
            "warning",
            "“Paw Club” (club) serves no site | Give it a site, or make it the default program.",
        ) in found("program")

    def test_names_tables_whose_app_is_not_listed(self):
        with connection.cursor() as cursor:
            cursor.execute("CREATE TABLE loyalty_memberships_plan (id integer)")
        try:
            [(level, text)] = found("tables")
        finally:
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE loyalty_memberships_plan")
        assert level == Level.ERROR
        assert "loyalty_uninstall --app memberships" in text

    def test_says_that_the_guard_of_the_ledger_is_missing(self):
        with connection.cursor() as cursor:
            for statement in triggers.removal(vendor=connection.vendor):
                cursor.execute(statement)
        try:
            [(level, text)] = found("ledger")
        finally:
            triggers.lay()
        assert level == Level.WARNING
        assert "may create triggers" in text


class TestACheckThatFails:
    def test_is_a_finding_and_keeps_no_other_from_its_work(self):
        @doctor_checks.register("broken", order=0)
        def broken(*, at):
            raise ZeroDivisionError("no luck")

        try:
            said = manage("doctor")
        finally:
            doctor_checks.unregister("broken")
        assert said.code == 1
        assert "broken: could not be looked at: ZeroDivisionError: no luck" in said.out
        assert "ok      middleware" in said.out

    @pytest.mark.parametrize(
        ("answer", "says"),
        [
            (None, ""),
            ("a text", "mine: could not be looked at: TypeError: no Finding: 'a'"),
            ([None], "mine: could not be looked at: TypeError: no Finding: None"),
            (5, "mine: could not be looked at: TypeError: 'int' object is not iterable"),
        ],
    )
    def test_is_one_that_returns_something_else_and_not_one_that_returns_nothing(self, answer, says):
        doctor_checks.register("mine", order=0)(lambda *, at: answer)
        try:
            said = manage("doctor")
        finally:
            doctor_checks.unregister("mine")
        assert says in said.out
        assert ("mine" in said.out) is bool(says)
        assert "apps: stand before Oscar's" in said.out


class TestBadInput:
    def test_is_refused(self):
        assert "unrecognized arguments: --yaml" in manage("doctor --yaml").err
