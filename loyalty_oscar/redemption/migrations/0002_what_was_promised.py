from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_slots(apps, schema_editor):
    """What is set aside at this moment is found by its slot from now on."""
    db = schema_editor.connection.alias
    holds = apps.get_model("loyalty_ledger", "Hold").objects.using(db).filter(pk=OuterRef("hold_id"))
    open_ones = apps.get_model("loyalty_redemption", "Redemption").objects.using(db).filter(hold__state="open")
    open_ones.update(slot=Subquery(holds.values("slot")[:1]))


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty_ledger", "0003_hold_forgiven"),
        ("loyalty_redemption", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="redemption",
            name="payment_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="redemption",
            name="promise",
            field=models.JSONField(null=True),
        ),
        migrations.AddField(
            model_name="redemption",
            name="slot",
            field=models.CharField(max_length=60, null=True),
        ),
        migrations.RunPython(name_slots, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="redemption",
            constraint=models.UniqueConstraint(fields=("slot",), name="loyalty_redemption_slot"),
        ),
    ]
