"""Every page on which staff of the demo shop change something, opened and saved as it is: nothing is written."""

from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.urls import reverse

from tests.integration.admin.test_saved_unchanged import Form, name_of, our_admins

#: So many pages of a model are looked at.
MOST = 25


def run() -> dict:
    boss = get_user_model().objects.create_superuser("unchanged", "unchanged@example.com", "x")
    client, saved, wrong, wrote = Client(), 0, [], []
    client.force_login(boss)

    def note(execute, sql, params, many, context):
        if sql.split(None, 1)[0] in ("INSERT", "UPDATE", "DELETE") and "django_session" not in sql:
            wrote.append(sql[:120])
        return execute(sql, params, many, context)

    for site in our_admins():
        for row in site.model._base_manager.order_by("-pk")[:MOST]:
            address = reverse(f"{name_of(site)}_change", args=[row.pk])
            page = client.get(address)
            if page.status_code != 200:
                wrong.append(f"{address}: {page.status_code}")
            elif 'name="_save"' in page.content.decode():
                before = LogEntry.objects.count()
                with connection.execute_wrapper(note):
                    answer = client.post(address, Form(page.content.decode()).data)
                saved += 1
                if answer.status_code != 302 or wrote or LogEntry.objects.count() != before:
                    wrong.append(f"{address}: {answer.status_code}, {wrote}")
                wrote.clear()
    boss.delete()
    return {"saved": saved, "wrong": wrong}
