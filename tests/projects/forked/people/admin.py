from django.contrib import admin

from tests.projects.forked.people.models import Person


@admin.register(Person)
class PersonAdmin(admin.ModelAdmin):
    list_display = ["email", "name", "is_staff"]
    search_fields = ["email", "name"]
    exclude = ["password"]
