"""What Oscar asks of staff."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db.models import Q


def oscars_pages():
    """Return what Oscar (from 4.2) asks of staff for its pages of customers and orders, where our panels stand."""
    user = get_user_model()._meta
    people = Q(content_type__app_label=user.app_label, codename="view_user")
    return Permission.objects.filter(people | Q(content_type__app_label="order", codename="view_order")).order_by("pk")
