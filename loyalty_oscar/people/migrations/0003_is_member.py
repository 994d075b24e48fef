"""A receipt says whether a member bought, also once nobody can say who; the next step fills in those of before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty_people", "0002_remembered")]

    operations = [
        migrations.AddField(
            model_name="receipt",
            name="is_member",
            field=models.BooleanField(default=False),
        ),
    ]
