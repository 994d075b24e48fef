"""What of ours is left in the database: tables, triggers, and rows in Django's and Oscar's tables."""

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from oscar.core.loading import get_model

TRIGGERS = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'loyalty%'",
    "postgresql": "SELECT proname FROM pg_proc WHERE proname LIKE 'loyalty%'",
}


def run() -> dict:
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS[connection.vendor])
        triggers = [name for (name,) in cursor.fetchall()]
    offers = [
        str(row)
        for model in ("Condition", "Benefit")
        for row in get_model("offer", model).objects.filter(proxy_class__startswith="loyalty_oscar")
    ]
    applied = MigrationRecorder(connection).applied_migrations()
    kinds = ContentType.objects.filter(app_label__startswith="loyalty")
    return {
        "tables": [name for name in connection.introspection.table_names() if name.startswith("loyalty")],
        "triggers": triggers,
        "offers": offers,
        "migrations": [key for key in applied if key[0].startswith("loyalty")],
        "permissions": [str(permission) for permission in Permission.objects.filter(content_type__in=kinds)],
    }
