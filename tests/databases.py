"""
Which tests need no second database.

PostgreSQL runs all of `tests/integration` and `tests/functional`: it is what shops run on. SQLite runs them, too, but
for those listed here: pages, the admin, the API and the reading of them. They ask the same queries as the tests beside
them and write through the same operations. What writes, what runs a command or a job, and what names a kind of database
runs on both; so does whatever is new, until it is listed here. `tests/house/test_databases.py` holds all of this, the
cells of `tox.ini` run everything on SQLite as well, and the shops of `tests/projects` live on both.
"""

from pathlib import Path, PurePosixPath

#: Folders and files under `tests/` that run on PostgreSQL alone.
POSTGRES_ALONE = {
    # The admin, the dashboard and the API.
    "functional/test_does_it_pay.py",
    "functional/test_every_address.py",
    "functional/test_every_field.py",
    "functional/test_figures.py",
    "functional/test_setting_up_without_a_terminal.py",
    "functional/test_the_dashboard.py",
    "functional/test_the_front_page.py",
    "functional/test_trying.py",
    "integration/admin",
    "integration/api",
    "integration/shop/test_dashboard.py",
    "integration/shop/test_return_preview.py",
    "integration/shop/test_return_preview_cost.py",
    "integration/redemption/test_rewards_at_the_desk.py",
    "integration/tiers/test_admin.py",
    # Pages of customers: what they show, hide, cost and say.
    "functional/test_attacks.py",
    "functional/test_attacks_by_invitation.py",
    "functional/test_hidden_means_hidden.py",
    "functional/test_leaks.py",
    "functional/test_markup.py",
    "functional/test_pages_of_one_person.py",
    "functional/test_secrets_of_mails.py",
    "functional/test_seen_by_strangers.py",
    "functional/test_the_demo_shop.py",
    "functional/test_the_docs.py",
    "functional/test_traces.py",
    "integration/exclusives/test_pages.py",
    "integration/journeys/test_answers.py",
    "integration/journeys/test_goals_in_the_shop.py",
    "integration/journeys/test_related.py",
    "integration/redemption/test_reward_pages.py",
    "integration/redemption/test_rewards_in_baskets_pages.py",
    "integration/referrals/test_pages.py",
    "integration/referrals/test_typed_and_told.py",
    "integration/shop/test_choosing_mails.py",
    "integration/shop/test_consents_of_members.py",
    "integration/shop/test_content_for_segments.py",
    "integration/shop/test_costs.py",
    "integration/shop/test_orders_of_a_member.py",
    "integration/shop/test_other_prices.py",
    "integration/shop/test_promises.py",
    "integration/shop/test_storefront_account.py",
    "integration/shop/test_storefront_cost.py",
    "integration/shop/test_storefront_pages.py",
    "integration/shop/test_tax_setups.py",
    "integration/shop/test_totals.py",
    "integration/shop/test_using_points_elsewhere.py",
    "integration/shop/test_using_points_pages.py",
    "integration/shop/test_words_of_the_shop.py",
    "integration/tiers/test_everybodys.py",
    "integration/tiers/test_offers.py",
    "integration/tiers/test_pages.py",
    # Sentences, letters and amounts: what they say, and the orders right at their boundaries.
    "functional/test_cashback.py",
    "functional/test_one_number.py",
    "functional/test_what_pages_say.py",
    "integration/earning/test_promises.py",
    "integration/earning/test_silly_numbers.py",
    "integration/exclusives/test_earlier_for_some.py",
    "integration/journeys/test_campaign_sentences.py",
    "integration/redemption/test_reward_mails.py",
    "integration/redemption/test_rewards_in_currencies.py",
    "integration/redemption/test_rewards_to_the_coin.py",
    "integration/shop/test_letters.py",
    "integration/shop/test_stopping_letters.py",
    # Orders that change in every way that staff and gateways have: one sync of orders, written to in every other test.
    "functional/edits",
    "functional/test_edited_orders.py",
    "functional/test_gateways.py",
    "functional/test_headless_checkout.py",
    "integration/shop/test_ranges_that_close.py",
}


def needs_postgres_alone(path: Path | PurePosixPath) -> bool:
    """Whether a test file, by its path under `tests/`, runs on PostgreSQL alone; a listed folder means all in it."""
    return any(str(part) in POSTGRES_ALONE for part in (path, *path.parents))
