from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty_earning", "0002_actions")]
    operations = [
        migrations.AddField("award", "missed", models.JSONField(default=list)),
        migrations.RemoveField("awardline", "snapshot"),
    ]
