import django.core.validators
from django.db import migrations, models


MOST_POINTS, MOST_PERCENT = 10_000_000, 1_000


def bound(apps, schema_editor):
    """Drop gifts that nobody can ever get, because no account holds so many points."""
    tiers = apps.get_model("loyalty_tiers", "Tier").objects.using(schema_editor.connection.alias)
    tiers.filter(gift_points__gt=MOST_POINTS).update(gift_points=0)
    tiers.filter(percent__gt=MOST_PERCENT).update(percent=MOST_PERCENT)
    # PostgreSQL alters no table whose rows still wait for a deferred check.
    schema_editor.connection.check_constraints(table_names=["loyalty_tiers_tier"])


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty_tiers", "0002_quiet_past"),
    ]

    operations = [
        migrations.RunPython(bound, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="tier",
            name="gift_points",
            field=models.PositiveIntegerField(
                default=0,
                help_text="Once in a lifetime, when the level is reached for the first time.",
                validators=[django.core.validators.MaxValueValidator(10000000)],
                verbose_name="points as a welcome gift",
            ),
        ),
        migrations.AddConstraint(
            model_name="tier",
            constraint=models.CheckConstraint(
                condition=models.Q(("gift_points__lte", 10000000), ("percent__lte", 1000)),
                name="loyalty_tier_most",
                violation_error_message="These are more points than any level can bring.",
            ),
        ),
    ]
