"""Each project leads its life with us, from the first migrate to the day we are gone. The stages stand in conftest."""

import pytest

from tests.projects.conftest import OWES_NOTHING

WHO = ["anonymous", "customer", "staff"]

#: A point for each full pound; the forked shop adds 20 % VAT. "unit" is what one of the three leads brought.
POINTS = {
    "bare": {"customer": 36, "other": 25, "newcomer": 32, "unit": 8},
    "full": {"customer": 36, "other": 25, "newcomer": 32, "unit": 8},
    "forked": {"customer": 43, "other": 30, "newcomer": 39, "unit": 9},
}


@pytest.fixture
def points(cell) -> dict[str, int]:
    """What people get in the shop of this cell."""
    return POINTS[cell.partition(" ")[0]]


def each(stage, who: str, *keys: str) -> dict:
    """Of each page that somebody visited at a stage, these facts."""
    return {address: {key: page[key] for key in keys} for address, page in stage.found["pages"][who].items()}


def text(stage, who: str) -> str:
    """Everything that somebody got to read, as one text."""
    return "\n".join(line for page in stage.found["pages"][who].values() for line in page["lines"])


class TestAnEmptyShop:
    def test_migrates_with_us_and_leaves_no_migration_owing(self, cell, migrated):
        found = migrated(cell, loyalty=True).do(":migrate --check", OWES_NOTHING, ":check")

        assert [result for result in found.values() if result["exit"]] == []


class TestAShopWithAPast:
    def test_migrates_and_leaves_no_migration_owing(self, installed):
        results = [installed.found[step] for step in (":migrate", OWES_NOTHING, ":check")]

        assert [result for result in results if result["exit"]] == []

    @pytest.mark.parametrize("who", WHO)
    def test_pays_no_query_and_sees_no_header_change_before_there_is_a_program(self, past, installed, who):
        facts = ("status", "queries", "vary", "cookies")

        assert each(installed, who, *facts) == each(past, who, *facts)

    @pytest.mark.parametrize("who", ["anonymous", "customer"])
    def test_shows_not_one_line_more_before_there_is_a_program(self, past, installed, who):
        assert each(installed, who, "lines") == each(past, who, "lines")

    def test_marks_nothing_in_its_dashboard_before_there_is_a_program(self, installed):
        assert "data-loyalty" not in text(installed, "staff")

    def test_mails_and_books_nothing_before_there_is_a_program(self, installed):
        assert installed.found[":loyalty_run"]["exit"] == 0
        assert installed.found["pages"]["mails"] == 0
        assert set(installed.found["books"].values()) == {0}


class TestAProgramThatBegins:
    def test_is_found_healthy_by_the_doctor(self, begun):
        assert begun.found[":loyalty_doctor"]["exit"] == 0, begun.found[":loyalty_doctor"]["said"]

    def test_owes_nothing_for_the_past(self, begun):
        assert begun.found[":loyalty_run"]["exit"] == 0
        assert begun.found["books"]["entries"] == begun.found["books"]["messages"] == 0
        assert begun.found["pages"]["mails"] == 0

    def test_shows_itself_to_customers_and_to_nobody_else(self, begun):
        assert 'data-loyalty="available"' in text(begun, "customer")
        assert 'data-loyalty="available"' not in text(begun, "anonymous")

    def test_changes_no_header_of_what_anonymous_people_get(self, past, begun):
        facts = ("status", "vary", "cookies")

        assert each(begun, "anonymous", *facts) == each(past, "anonymous", *facts)

    @pytest.mark.parametrize(("who", "most"), [("anonymous", 0), ("customer", 2)])
    def test_costs_a_member_one_query_a_page_and_one_for_a_filled_basket_and_others_none(self, past, begun, who, most):
        before, now = each(past, who, "queries"), each(begun, who, "queries")
        more = {address: now[address]["queries"] - before[address]["queries"] for address in now}

        # The list of offers has one more, and the page that says what goes with a profile is not read often.
        own = ("/offers/", "/profile/delete/")
        assert {address for address in more if more[address] > most and not address.endswith(own)} == set()

    def test_is_told_by_the_doctor_which_copies_hide_our_pieces(self, cell, begun):
        said = begun.found[":loyalty_doctor"]["said"]

        assert ("nav_accounts.html is shadowed by" in said) == cell.startswith("forked")


class TestPeopleWhoBuy:
    def test_earn_a_point_for_each_full_pound_at_every_site(self, traded, points):
        assert traded.found["buy"]["earned"] == {who: points[who] for who in ("customer", "other")}

    def test_lose_what_a_returned_unit_brought_and_no_more(self, traded, points):
        assert traded.found["buy"]["left"] == points["customer"] - points["unit"]

    def test_earn_in_the_web_checkout_and_read_it_on_its_last_page(self, traded, points):
        assert traded.found["checkout"] == {"is_confirmed": True, "earn": [points["newcomer"]]}

    def test_leave_books_that_balance(self, traded):
        assert traded.found[":loyalty_audit"]["exit"] == 0, traded.found[":loyalty_audit"]["said"]
        assert traded.found["books"]["nameless"] == 0


class TestACustomerWhoUsesPoints:
    def test_pays_so_much_less_at_the_checkout(self, used):
        found = used.found["use"]

        assert found["shown"] == [500]
        assert (found["discounts"], found["fell_by"]) == (["5.00"], "5.00")

    def test_gives_the_points_and_gets_those_of_a_returned_unit_back(self, used):
        found = used.found["use"]

        assert (found["used"], found["came_back"]) == (500, 250)

    def test_has_points_set_aside_for_the_next_basket(self, used):
        assert used.found["use"]["set_aside"] == 700

    def test_leaves_books_that_balance(self, used):
        results = [used.found[step] for step in (":loyalty_run", ":loyalty_audit")]

        assert [result for result in results if result["exit"]] == []


class TestAClub:
    """Levels, a sale, a friend brought in and a campaign, in every shop as it was installed."""

    def test_lets_a_level_into_a_sale_that_is_locked_for_others(self, climbed):
        found = climbed.found["club"]

        assert (found["levels"], found["standing"]) == (["Silver"], "Silver")
        assert found["is_locked"] == {"stranger": True, "silver": False}
        assert found["may_buy"]

    def test_puts_the_rewards_of_both_sides_on_the_way(self, climbed):
        found = climbed.found["club"]

        assert (found["brought"], found["referral"]) == (True, "rewarded")
        assert sorted(found["on_the_way"]) == [100, 150]

    def test_gives_points_for_a_campaign(self, climbed):
        assert climbed.found["club"]["campaign"] == 50

    def test_leaves_books_that_balance_and_a_healthy_shop(self, climbed):
        results = [climbed.found[step] for step in (":loyalty_run", ":loyalty_audit", ":loyalty_doctor")]

        assert [result for result in results if result["exit"]] == []


class TestARehearsal:
    def test_finds_that_all_numbers_agree(self, used):
        assert used.found[":loyalty_doctor --rehearse"]["exit"] == 0, used.found[":loyalty_doctor --rehearse"]["said"]

    def test_leaves_no_trace(self, cell, used):
        rehearsal = ":loyalty_doctor --rehearse --json"
        found = used.live(f"{cell}-rehearsed", {"before": ["books"], "rehearsed": [rehearsal], "after": ["books"]})

        assert found["rehearsed"].found[rehearsal]["exit"] == 0
        assert found["after"].found == found["before"].found


class TestACustomerWhoDeletesTheProfile:
    def test_is_told_first_what_goes(self, left, points):
        assert left.found["leave"]["tells"] == [points["newcomer"]]

    def test_is_gone_and_the_order_stays(self, left):
        assert left.found["leave"]["is_gone"]
        assert left.found["leave"]["order_is_kept"]

    def test_leaves_every_entry_under_a_pseudonym(self, climbed, left):
        before, after = climbed.found["books"], left.found["books"]

        assert (after["entries"], after["net"], after["members"]) == (
            before["entries"],
            before["net"],
            before["members"],
        )
        assert after["nameless"] == before["nameless"] + 1

    def test_leaves_books_that_balance_and_a_healthy_shop(self, left):
        results = [left.found[step] for step in (":loyalty_audit", ":loyalty_doctor")]

        assert [result for result in results if result["exit"]] == []


FEATURES = ["earning", "redemption", "journeys", "insights"]
#: What the thank-you page says to the newcomer where orders earn.
EARNED = [32]


class TestAShopThatDropsAFeature:
    @pytest.mark.parametrize("feature", FEATURES)
    def test_owes_no_migration_and_sells_as_before(self, full_with_us, tmp_path, feature):
        shop = full_with_us.shop.on(f"full-drops-{feature}")
        farewell = f":loyalty_uninstall --app {feature} --yes --export {tmp_path}"
        steps = [":migrate --check", OWES_NOTHING, ":check --fail-level WARNING", ":loyalty_doctor --rehearse"]

        dropped = full_with_us.found | shop.do(farewell)
        found = shop.do(*steps, "pages", "checkout", "traces", without=f"loyalty_oscar.{feature}")

        assert [result for result in dropped.values() if result.get("exit")] == []
        assert [found[step] for step in steps if found[step]["exit"]] == []
        assert {page["status"] for page in found["pages"]["customer"].values()} <= {200, 302}
        assert found["checkout"] == {"is_confirmed": True, "earn": [] if feature == "earning" else EARNED}
        assert bool(found["traces"]["offers"]) == (feature != "redemption")
        assert [table for table in found["traces"]["tables"] if f"loyalty_{feature}" in table] == []


class TestAShopThatListsSomeFeatures:
    @pytest.mark.parametrize("listed", [[], *([name] for name in FEATURES)], ids=lambda names: "".join(names) or "none")
    def test_migrates_owes_nothing_and_sells(self, full_past, listed):
        without = " ".join(f"loyalty_oscar.{name}" for name in FEATURES if name not in listed)
        shop = full_past.on(f"full-lists-{'-'.join(listed) or 'none'}")
        commands = [
            *(":migrate", OWES_NOTHING, ":check --fail-level WARNING", ":loyalty_setup --live", ":loyalty_run"),
            *(":loyalty_doctor", ":loyalty_doctor --rehearse", ":loyalty_audit"),
        ]
        use = ["use"] if "redemption" in listed else []
        campaign = ["campaign"] if "journeys" in listed else []

        found = shop.do(*commands[:5], "checkout", *use, *campaign, "pages", *commands[5:], without=without)

        assert [found[step]["said"] for step in commands if found[step]["exit"]] == []
        assert found["checkout"] == {"is_confirmed": True, "earn": EARNED if "earning" in listed else []}
        assert {page["status"] for page in found["pages"]["customer"].values()} <= {200, 302}
        if use:
            assert (found["use"]["used"], found["use"]["came_back"]) == (500, 250)
        if campaign:
            assert found["campaign"] == {"given": [50, 0], "had": 50, "left": 0}


class TestAShopThatWeHaveLeft:
    def test_has_every_row_of_ours_in_its_export(self, left, gone):
        assert gone.found["goodbye"]["exit"] == 0, gone.found["goodbye"]["said"]
        assert gone.found["exported"]["loyalty_ledger_entry"] == left.found["books"]["entries"]
        assert gone.found["exported"]["loyalty_program_member"] == left.found["books"]["members"]

    def test_opens_the_basket_for_which_points_were_set_aside(self, used, gone):
        [page] = [page for address, page in gone.found["pages"]["customer"].items() if address.endswith("/basket/")]

        assert used.found["use"]["set_aside"] == 700
        assert page["status"] == 200
        assert any("48.00" in line or "57.60" in line for line in page["lines"])

    def test_asks_the_plain_price_of_everybody_for_what_was_in_a_sale(self, past, climbed, gone):
        assert climbed.found["club"]["is_locked"]["stranger"]
        assert all(past.found["plain"].values())
        assert gone.found["plain"] == past.found["plain"]
        assert not any("data-loyalty" in text(gone, who) for who in WHO)

    def test_keeps_no_trace_of_us(self, gone):
        assert gone.found["traces"] == {"tables": [], "triggers": [], "offers": [], "migrations": [], "permissions": []}

    @pytest.mark.parametrize("who", WHO)
    def test_answers_as_it_did_before_us(self, past, gone, who):
        assert each(gone, who, "status") == each(past, who, "status")

    def test_is_whole_sells_and_lets_people_go(self, gone):
        assert [gone.found[step]["exit"] for step in (":check", ":migrate --check")] == [0, 0]
        assert gone.found["checkout"]["is_confirmed"]
        assert gone.found["leave"]["is_gone"]
