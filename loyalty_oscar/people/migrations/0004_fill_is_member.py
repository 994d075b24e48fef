"""
Receipts of members say so. Of who was forgotten before this, nobody can. In slices that are each kept, so that no order
waits for a million rows; run again, it goes on.
"""

from typing import Any

from django.db import migrations

SLICE = 10_000


def fill(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("loyalty_people", "Receipt").objects.using(schema_editor.connection.alias)
    there = rows.filter(member__isnull=False, is_member=False).order_by("pk").values_list("pk", flat=True)
    while found := list(there[:SLICE]):
        rows.filter(pk__gte=found[0], pk__lte=found[-1], member__isnull=False).update(is_member=True)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("loyalty_people", "0003_is_member")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
