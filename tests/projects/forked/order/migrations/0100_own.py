from django.db import migrations, models

from tests.projects.forked.history import last


class Migration(migrations.Migration):
    dependencies = [("order", last("order"))]
    operations = [
        migrations.AddField("order", "parcel_note", models.CharField(blank=True, max_length=100)),
    ]
