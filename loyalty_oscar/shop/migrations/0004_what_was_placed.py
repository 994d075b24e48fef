from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty_shop", "0003_levels_and_prices")]
    operations = [
        migrations.AddField("ordersync", "placed", models.JSONField(default=dict)),
        migrations.AddField("ordersync", "failed", models.JSONField(default=dict)),
    ]
