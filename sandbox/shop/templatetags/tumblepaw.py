"""The people one can log in as, for the login page."""

from django import template

from sandbox.seed import people

register = template.Library()
register.simple_tag(people.demo, name="demo_people")
register.simple_tag(people.password, name="demo_password")
