from django.db import migrations, models

from tests.projects.forked.history import last


class Migration(migrations.Migration):
    dependencies = [("partner", last("partner"))]
    operations = [
        migrations.AddField("partner", "region", models.CharField(blank=True, max_length=100)),
    ]
