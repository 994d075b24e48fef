from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "tests.projects.forked.people"
    label = "people"
