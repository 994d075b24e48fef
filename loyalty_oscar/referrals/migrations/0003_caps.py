import django.core.validators
from django.db import migrations, models


MOST_POINTS = 10_000_000


def bound(apps, schema_editor):
    """Switch off schemes that promise more than anybody can give, and promise nothing where they did."""
    schemes, referrals = (
        apps.get_model("loyalty_referrals", name).objects.using(schema_editor.connection.alias)
        for name in ("Scheme", "Referral")
    )
    for side in ("giver_points", "newcomer_points"):
        schemes.filter(**{f"{side}__gt": MOST_POINTS}).update(**{side: MOST_POINTS}, is_on=False)
        referrals.filter(**{f"{side}__gt": MOST_POINTS}).update(**{side: 0})
    # PostgreSQL alters no table whose rows still wait for a deferred check.
    schema_editor.connection.check_constraints(table_names=["loyalty_referrals_scheme", "loyalty_referrals_referral"])


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty_referrals", "0002_mark"),
    ]

    operations = [
        migrations.RunPython(bound, migrations.RunPython.noop),
        migrations.AlterField(
            model_name="scheme",
            name="giver_points",
            field=models.PositiveIntegerField(
                default=150,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10000000),
                ],
                verbose_name="points for who invites",
            ),
        ),
        migrations.AlterField(
            model_name="scheme",
            name="newcomer_points",
            field=models.PositiveIntegerField(
                default=150,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10000000),
                ],
                verbose_name="points for the newcomer",
            ),
        ),
        migrations.AddConstraint(
            model_name="referral",
            constraint=models.CheckConstraint(
                condition=models.Q(("giver_points__lte", 10000000), ("newcomer_points__lte", 10000000)),
                name="loyalty_referral_most",
                violation_error_message="These are more points than anybody can give.",
            ),
        ),
        migrations.AddConstraint(
            model_name="scheme",
            constraint=models.CheckConstraint(
                condition=models.Q(("giver_points__lte", 10000000), ("newcomer_points__lte", 10000000)),
                name="loyalty_scheme_most",
                violation_error_message="These are more points than anybody can give.",
            ),
        ),
    ]
