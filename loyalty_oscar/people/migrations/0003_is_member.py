"""A receipt says whether a member bought, also once nobody can say who. Of who was forgotten before this, nobody can."""

from typing import Any

from django.db import migrations, models


def fill(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("loyalty_people", "Receipt").objects.using(schema_editor.connection.alias)
    rows.filter(member__isnull=False).update(is_member=True)


class Migration(migrations.Migration):
    dependencies = [("loyalty_people", "0002_remembered")]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="is_member",
            field=models.BooleanField(default=False),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
