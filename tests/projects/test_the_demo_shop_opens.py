"""The demo shop fills itself from an empty database: everybody stands where the login page says."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = [
    ":sandbox_seed --address 127.0.0.1:8123",
    "demo",
    ":migrate --check",
    ":makemigrations --check --dry-run",
    ":loyalty_audit",
    ":sandbox_seed --address 127.0.0.1:8456",
    "demo",
    "unchanged",
    ":loyalty_doctor",
]


@pytest.fixture(scope="module")
def steps(tmp_path_factory):
    """What each step found, in one process and a database of its own."""
    database = tmp_path_factory.mktemp("demo") / "shop.sqlite3"
    told = {"DJANGO_SETTINGS_MODULE": "sandbox.settings", "DATABASE_URL": f"sqlite:///{database}", "DEBUG": "1"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.projects.run", *STEPS]
    run = subprocess.run(command, cwd=ROOT, env={**os.environ, **told}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-4000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


class TestTheDemoShop:
    def test_tells_each_step_with_its_seconds(self, steps):
        *done, last = steps[0]["said"].splitlines()
        assert steps[0]["exit"] == 0
        assert last == "Log in at http://127.0.0.1:8123/accounts/login/ with the password loyalty-demo"
        assert all(re.fullmatch(r"[\d,]+ .+ \d+\.\d s", line) for line in done)
        assert {"tables", "products", "people"} <= {line.split()[1] for line in done}

    def test_stands_on_tables_that_owe_no_migration(self, steps):
        assert [found["exit"] for found in steps[2:4]] == [0, 0]

    def test_adds_up(self, steps):
        assert steps[4]["exit"] == 0

    def test_is_well(self, steps):
        assert steps[8]["exit"] == 0
        assert "receipts: every order has one" in steps[8]["said"]

    def test_wrote_to_somebody_on_each_occasion(self, steps):
        told = {(code, email) for code, email in steps[1]["told"]}
        for code, who in (
            ("come-in", "joined"),
            ("card-full", "goal"),
            ("new-level", "level"),
            ("goodbye", "leaving"),
            ("what-was-wrong", "returned"),
            ("dog-days", "member"),
            ("cat-days", "silver"),
        ):
            assert (code, f"{who}@example.com") in told
        homes = {code: {email for one, email in told if one == code} for code in ("dog-days", "cat-days")}
        assert "silver@example.com" not in homes["dog-days"] and "member@example.com" not in homes["cat-days"]

    def test_has_months_worth_looking_at(self, steps):
        buyers = steps[1]["months"]["buyers"]
        assert len(buyers) == 15
        assert sum(buyers[-5:]) > 1.3 * sum(buyers[:5]) > 50
        assert steps[1]["months"]["used"] >= 15

    def test_has_figures_that_are_those_of_its_accounts_from_the_first_look(self, steps):
        figures = steps[1]["figures"]
        assert figures["counted"] == figures["held"]
        assert figures["held"]["ready"] > 20_000

    def test_has_goals_that_start_where_it_was_then(self, steps):
        goals = steps[1]["goals"]
        assert set(goals) == {"repeat", "members"}
        assert all(start == counted > 0 for start, counted in goals.values())

    def test_has_groups_that_grew(self, steps):
        for code in ("dogs", "cats"):
            sizes = steps[1]["groups"][code]
            assert len(sizes) > 50
            assert sizes[-1] > sizes[0]

    def test_shows_dogs_and_cats_what_is_for_them(self, steps):
        assert steps[1]["for_one"] == {
            "member@example.com": [["dogs"], True],
            "silver@example.com": [["cats"], True],
            "": [[], False],
        }

    def test_has_points_in_each_state(self, steps):
        points = steps[1]["points"]
        assert points["member@example.com"]["available"] == 1250
        assert points["member@example.com"]["pending"] > 0
        assert points["gold@example.com"]["available"] == 12_480
        assert points["owing@example.com"]["debt"] > 0
        assert points["using@example.com"]["reserved"] == 100
        assert points["expiring@example.com"]["available"] >= 60

    def test_has_levels_in_each_state(self, steps):
        ranks = steps[1]["ranks"]
        assert (ranks["gold@example.com"], ranks["silver@example.com"], ranks["slipping@example.com"]) == (3, 2, 2)

    def test_has_a_friend_who_came_by_a_link(self, steps):
        assert steps[1]["brought"]["invited@example.com"] == "member@example.com"

    def test_has_an_order_of_a_guest_that_waits_to_be_kept(self, steps):
        assert (steps[1]["waiting"], steps[1]["owned"]) == (1, 0)
        assert "guest@example.com" not in steps[1]["ranks"]

    def test_writes_nothing_where_a_page_is_saved_as_it_was_opened(self, steps):
        assert steps[7]["wrong"] == []
        assert steps[7]["saved"] > 15

    def test_leads_its_links_to_where_it_is_served_now(self, steps):
        assert steps[1]["link"] == "http://127.0.0.1:8123/"
        assert steps[5]["said"].startswith("The shop is ready")
        assert "8456/accounts/login/" in steps[5]["said"]
        assert steps[6]["link"] == "http://127.0.0.1:8456/"
        assert steps[6]["points"] == steps[1]["points"]

    def test_names_everybody_where_one_logs_in_and_offers_english_alone(self, steps):
        assert steps[1]["login"] == steps[1]["emails"]
        assert (steps[1]["invitation"], steps[1]["languages"]) == (True, False)
