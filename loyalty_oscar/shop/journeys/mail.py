"""The channel that every shop has: letters of campaigns by mail, through a communication template of Oscar's."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.utils.html import escape, format_html, linebreaks
from django.utils.safestring import SafeString, mark_safe

from loyalty_oscar.journeys.channels import LETTER, Message, channels
from loyalty_oscar.kernel.errors import in_short
from loyalty_oscar.program.events import NotSent, PerhapsSent
from loyalty_oscar.program.models import Member

from ..notices.arrival import is_reached
from ..notices.delivery import dispatch
from ..notices.letters import Letter, frame, site_of
from ..notices.stopping import stop_headers

CODE = "LOYALTY_CAMPAIGN"


class ByMail:
    """Mails letters to the address of the member's account, unless mail to it came back."""

    def reaches(self, *, member: Member) -> bool:
        """Return whether there is such an address."""
        return is_reached(member=member)

    def send(self, *, message: Message) -> None:
        """Mail it, with the headers by which mail programs stop letters at one press."""
        try:
            dispatch(topic=LETTER, key=message.key, member=message.member, letter=letter_of(message=message))
        except PerhapsSent:
            raise
        except Exception as error:
            raise NotSent(in_short(error)) from error


def letter_of(*, message: Message) -> Letter:
    """Return a message as a mail; markup in its words, whoever typed them, is words."""
    site, member = site_of(member=message.member), message.member
    context = {
        **frame(user=member.user, site=site, program=member.program),
        "subject": message.subject,
        "text": message.text,
        "html": _html(message),
        "link": message.link,
        "has_link": message.link in message.text,
        "stop_link": message.stop_link,
        "answers": message.answers,
        "products": message.products,
    }
    return Letter(code=CODE, context=context, headers=stop_headers(member=member, site=site), is_kept=False)


def _html(message: Message) -> SafeString:
    """
    Return the text as HTML. Its link is one wherever it stands alone, and not as a part of another address; it reads as
    the shop's name on the net, for what follows is signed and long.
    """
    alone = rf"(?<![\w/=&?%#]){re.escape(message.link)}(?=[^\w/]*(?:\s|$))"
    link = format_html('<a href="{}">{}</a>', message.link, urlsplit(message.link).netloc)
    between = re.split(alone, message.text) if message.link else [message.text]
    return mark_safe(linebreaks(link.join(escape(part) for part in between)))


channels.register("mail")(ByMail())
