"""The tables of the demo shop: a fresh database gets them as they are now, without living through Oscar's history."""

from __future__ import annotations

from django.apps import apps
from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import override_settings


def make() -> int:
    """
    Bring the tables up to date; returns how many were made or migrated, 0 where nothing was missing.

    Oscar's migrations make and remake them for half a minute. Where none has run yet, the models say how the tables
    end up, and every migration is noted as done, so that later ones run as in any shop.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if executor.loader.applied_migrations:
        if missing:
            call_command("migrate", verbosity=0)
        return len(missing)
    with override_settings(MIGRATION_MODULES=dict.fromkeys(app.label for app in apps.get_app_configs())):
        call_command("migrate", run_syncdb=True, verbosity=0)
    executor.recorder.ensure_schema()
    # All are noted or none: whoever is interrupted before begins anew, and leaves the tables that are there.
    with transaction.atomic():
        call_command("migrate", fake=True, verbosity=0)
    return len(connection.introspection.table_names())
