import uuid

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.db import models
from django.utils import timezone
from oscar.apps.customer.abstract_models import UserManager


class Person(AbstractBaseUser, PermissionsMixin):
    """Somebody who signs in with an e-mail address, is known by a UUID, and has one name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now)

    objects = UserManager()

    USERNAME_FIELD = EMAIL_FIELD = "email"

    def get_full_name(self) -> str:
        """The one name, which is what Oscar's dashboard shows."""
        return self.name
