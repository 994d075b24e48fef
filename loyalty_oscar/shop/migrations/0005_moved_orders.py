from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("loyalty_shop", "0004_what_was_placed")]
    operations = [
        migrations.AddField("ordersync", "moved_from", models.CharField(blank=True, default="", max_length=40)),
        migrations.AddIndex(
            "ordersync",
            models.Index(
                condition=models.Q(("moved_from", ""), _negated=True), fields=["moved_from"], name="loyalty_sync_moved"
            ),
        ),
    ]
