from django.db import migrations, models

from tests.projects.forked.history import last


class Migration(migrations.Migration):
    dependencies = [("basket", last("basket"))]
    operations = [
        migrations.AddField("basket", "greeting", models.CharField(blank=True, max_length=100)),
    ]
