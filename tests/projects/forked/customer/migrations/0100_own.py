from django.db import migrations, models

from tests.projects.forked.history import last


class Migration(migrations.Migration):
    dependencies = [("customer", last("customer"))]
    operations = [
        migrations.AddField("productalert", "note", models.CharField(blank=True, max_length=100)),
    ]
