from django.db import migrations, models

from tests.projects.forked.history import last


class Migration(migrations.Migration):
    dependencies = [("catalogue", last("catalogue"))]
    operations = [
        migrations.AddField("product", "shelf", models.CharField(blank=True, max_length=100)),
    ]
