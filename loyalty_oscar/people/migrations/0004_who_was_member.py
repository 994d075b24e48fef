"""
Receipts of before say that a member bought; of who was forgotten before this, nobody can.

Slice by slice, each for itself: nobody who orders meanwhile waits for all of them. Broken off, it goes on where it was.
"""

from typing import Any

from django.db import migrations
from django.db.models import Max

#: So many keys are filled in at once.
SLICE = 5_000


def fill(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("loyalty_people", "Receipt").objects.using(schema_editor.connection.alias)
    for after in range(0, rows.aggregate(last=Max("pk"))["last"] or 0, SLICE):
        part = rows.filter(pk__gt=after, pk__lte=after + SLICE)
        part.filter(member__isnull=False, is_member=False).update(is_member=True)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("loyalty_people", "0003_is_member")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
