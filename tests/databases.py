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
    "functional/test_the_dashboard.py",
    "integration/admin",
    "integration/api",
    "integration/shop/test_dashboard.py",
    "integration/shop/test_return_preview.py",
    "integration/shop/test_return_preview_cost.py",
    "integration/tiers/test_admin.py",
    # Pages of customers: what they show, hide, cost and say.
    "functional/test_attacks.py",
    "functional/test_attacks_by_invitation.py",
    "functional/test_hidden_means_hidden.py",
    "functional/test_leaks.py",
    "functional/test_markup.py",
    "functional/test_pages_of_one_person.py",
    "functional/test_secrets_of_mails.py",
    "functional/test_the_docs.py",
    "functional/test_traces.py",
    "integration/exclusives/test_pages.py",
    "integration/referrals/test_pages.py",
    "integration/shop/test_costs.py",
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
    "integration/tiers/test_pages.py",
    # Orders that change in every way that staff and gateways have: one sync of orders, written to in every other test.
    "functional/edits",
    "functional/test_gateways.py",
    "functional/test_headless_checkout.py",
}


def needs_postgres_alone(path: Path | PurePosixPath) -> bool:
    """Whether a test file, by its path under `tests/`, runs on PostgreSQL alone; a listed folder means all in it."""
    return any(str(part) in POSTGRES_ALONE for part in (path, *path.parents))
