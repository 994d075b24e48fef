"""The people one can log in as, and the link that one of them sent, for the login page."""

from django import template

from loyalty_oscar.referrals.models import Code
from sandbox.seed import people
from sandbox.seed.campaigns import MEMBER

register = template.Library()
register.simple_tag(people.demo, name="demo_people")
register.simple_tag(people.password, name="demo_password")


@register.simple_tag
def demo_invitation() -> str:
    """Return the code that Boris sends to his friends, or "" while he has none."""
    return Code.objects.filter(member__user__email=MEMBER).values_list("code", flat=True).first() or ""
