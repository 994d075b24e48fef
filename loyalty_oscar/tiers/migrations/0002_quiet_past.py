from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty_tiers", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="ladder",
            name="gifts_past",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "Members whom earlier orders lift get no letter, and no welcome gift unless this is ticked."
                ),
                verbose_name="welcome gifts for the past too",
            ),
        ),
        migrations.AddField(
            model_name="ladder",
            name="set_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
