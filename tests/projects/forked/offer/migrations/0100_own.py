from django.db import migrations, models

from tests.projects.forked.history import last


class Migration(migrations.Migration):
    dependencies = [("offer", last("offer"))]
    operations = [
        migrations.AddField("conditionaloffer", "season", models.CharField(blank=True, max_length=100)),
    ]
