"""What a test commits is gone before the next one begins, and what a migrate makes is there."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.db import connection

from loyalty_oscar.ledger import triggers
from loyalty_oscar.ledger.models import Entry
from loyalty_oscar.program.models import Member
from tests.points import give, points_club
from tests.storefront import a_user

pytestmark = pytest.mark.django_db(transaction=True)


class TestWhatATestCommits:
    """Each test of this class finds what the one before it must not have left."""

    @pytest.mark.parametrize("again", [1, 2])
    def test_is_gone_before_the_next_one(self, again):
        models = (get_user_model(), Member, Entry)
        assert [model.objects.count() for model in models] == [0, 0, 0]
        give(a_user(), 100, points_club())
        assert [model.objects.count() for model in models] == [1, 1, 1]
        assert triggers.are_laid()

    @pytest.mark.parametrize("again", [1, 2])
    def test_takes_along_nothing_that_a_migrate_makes(self, again):
        assert Permission.objects.filter(content_type__app_label="loyalty_program").exists()
        assert list(Site.objects.values_list("pk", "domain")) == [(1, "example.com")]
        ContentType.objects.filter(app_label="loyalty_program").delete()
        Site.objects.update(domain="shop.example")
        assert not Permission.objects.filter(content_type__app_label="loyalty_program").exists()

    def test_leaves_foreign_keys_and_triggers_as_they_are(self):
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SHOW session_replication_role")
                assert cursor.fetchone() == ("origin",)
        assert triggers.are_laid()
