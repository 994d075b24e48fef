"""The calendar of campaigns finds what came in a month, by its letter or without one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty_journeys", "0006_kept")]

    operations = [
        migrations.AddIndex(
            model_name="occurrence",
            index=models.Index(fields=["program", "told_at", "at"], name="loyalty_occurrence_spoke"),
        ),
    ]
