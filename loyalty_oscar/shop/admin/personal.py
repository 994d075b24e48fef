"""What a member told and agreed to, on the member's page of the admin, and all of it to hand out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils.formats import date_format
from django.utils.translation import pgettext, pgettext_lazy

from loyalty_oscar.people.consents import consents_of, is_of_mailbox
from loyalty_oscar.people.models import Consent
from loyalty_oscar.people.queries import birthday_of, confirmed_at, unwanted_mails
from loyalty_oscar.program import clock, contributions, words
from loyalty_oscar.program.history import note
from loyalty_oscar.program.models import Member

from ..dashboard.links import admin_url
from ..dashboard.permissions import BIRTHDAY, EXPORT, may
from ..notices.letters import mail_kinds
from ..self_service.export import export_member
from .pages import MemberPages

#: What is said of each purpose: refused, allowed, and asked but not confirmed.
SAID = {
    Consent.Purpose.LETTERS: (
        pgettext_lazy("loyalty", "Letters refused on %(day)s"),
        pgettext_lazy("loyalty", "Letters allowed on %(day)s"),
        pgettext_lazy("loyalty", "Letters asked for on %(day)s, and not confirmed from the mailbox"),
    ),
    Consent.Purpose.PERSONAL: (
        pgettext_lazy("loyalty", "Personal content refused on %(day)s"),
        pgettext_lazy("loyalty", "Personal content allowed on %(day)s"),
        pgettext_lazy("loyalty", "Personal content asked for on %(day)s, and not confirmed"),
    ),
}
MOVED = pgettext_lazy("loyalty", "Letters allowed on %(day)s for an e-mail address of before, so none are sent")
#: A year that has every day.
LEAP_YEAR = 2024


def lines(*, member: Member, staff: Any) -> Iterator[str]:
    """Say what a member told and agreed to, as it is kept; the birthday to who may view birthdays."""
    zone = member.program.time_zone
    if staff.has_perm(BIRTHDAY) and (told := birthday_of(member_id=member.pk)):
        day = date_format(date(LEAP_YEAR, told.month, told.day), "MONTH_DAY_FORMAT")
        text = pgettext("loyalty", "Birthday: %(birthday)s, told on %(day)s")
        yield text % {"birthday": day, "day": words.day(told.set_at, zone=zone)}
    if member.terms_accepted_at is not None:
        text = pgettext("loyalty", "Terms: version %(version)s accepted on %(day)s")
        yield text % {"version": member.terms_version, "day": words.day(member.terms_accepted_at, zone=zone)}
    confirmed = confirmed_at(user_id=member.user_id) if member.user_id is not None else None
    if confirmed is not None:
        yield pgettext("loyalty", "E-mail address confirmed on %(day)s") % {"day": words.day(confirmed, zone=zone)}
    for purpose, row in consents_of(member_id=member.pk).items():
        said = {"day": words.day(row.withdrawn_at or row.confirmed_at or row.asked_at, zone=zone)}
        text = SAID[Consent.Purpose(purpose)][0 if row.withdrawn_at else 1 if row.confirmed_at else 2]
        is_here = row.withdrawn_at or is_of_mailbox(consent=row, member=member)
        yield (text if is_here else MOVED) % said
    for topic, since in unwanted_mails(member_id=member.pk).items():
        if topic in mail_kinds:
            said = {"kind": mail_kinds.get(topic).text(), "day": words.day(since, zone=zone)}
            yield pgettext("loyalty", "Mails not wanted since %(day)s: %(kind)s") % said


@contributions.register("admin:member", "personal", order=5)
def personal(*, subject: Member, request: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return what a member told, and where all of it is downloaded."""
    url = admin_url("loyalty_program_member_export", subject.pk) if may(request.user, EXPORT) else ""
    found = list(lines(member=subject, staff=request.user))
    return ("loyalty/admin/personal.html", {"lines": found, "url": url}) if found or url else None


class ExportsMembers(MemberPages):
    """For the page of members: a file with all that is kept about one."""

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.export_view)
        return [path("<path:object_id>/export/", view, name="loyalty_program_member_export"), *super().get_urls()]

    def export_view(self, request: HttpRequest, object_id: str) -> JsonResponse:
        """Return what the member's own download holds, and write down that it was handed out."""
        member = self.member_of(request, object_id)
        if not may(request.user, EXPORT):
            raise PermissionDenied
        data = {"memberships": [export_member(member=member, at=clock.now())]}
        note(staff=request.user, member=member, text=pgettext("loyalty", "Data downloaded"))
        response = JsonResponse(data, json_dumps_params={"indent": 2, "ensure_ascii": False})
        response["Content-Disposition"] = f'attachment; filename="loyalty-{member.public_id}.json"'
        return response
