import django.core.validators
from django.db import migrations, models


MOST_POINTS, MOST_BUDGET = 10_000_000, 10**12


def bound(apps, schema_editor):
    """Switch off what gives more than anybody can give; what was given stays given."""
    actions = apps.get_model("loyalty_earning", "Action").objects.using(schema_editor.connection.alias)
    actions.filter(points__gt=MOST_POINTS).update(points=MOST_POINTS, is_on=False)
    actions.filter(budget__gt=MOST_BUDGET).update(budget=MOST_BUDGET)
    # PostgreSQL alters no table whose rows still wait for a deferred check.
    schema_editor.connection.check_constraints(table_names=["loyalty_earning_action"])


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty_earning", "0004_for_whom"),
    ]

    operations = [
        migrations.RunPython(bound, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="action",
            name="budget",
            field=models.PositiveBigIntegerField(
                blank=True,
                null=True,
                validators=[django.core.validators.MaxValueValidator(1000000000000)],
                verbose_name="at most so many points in all",
            ),
        ),
        migrations.AlterField(
            model_name="action",
            name="given",
            field=models.PositiveBigIntegerField(default=0, editable=False, verbose_name="points given"),
        ),
        migrations.AlterField(
            model_name="action",
            name="points",
            field=models.PositiveIntegerField(
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10000000),
                ],
                verbose_name="points",
            ),
        ),
        migrations.AddConstraint(
            model_name="action",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("points__lte", 10000000),
                    models.Q(("budget", None), ("budget__lte", 1000000000000), _connector="OR"),
                ),
                name="loyalty_action_most",
                violation_error_message="These are more points than anybody can give.",
            ),
        ),
    ]
