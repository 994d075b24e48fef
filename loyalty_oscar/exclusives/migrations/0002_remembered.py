import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('loyalty_exclusives', '0001_initial'),
        ('loyalty_program', '0004_remembered'),
    ]

    operations = [
        migrations.AlterField(
            model_name='door',
            name='segment',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='loyalty_program.segment', verbose_name='and only this group of members'),
        ),
    ]
