"""Outgoing mail as files: an `.eml` for a mail program and, where there is one, its HTML page for a browser."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.text import slugify

from loyalty_oscar.program import clock


class EmailBackend(BaseEmailBackend):
    """Write each message into `EMAIL_FILE_PATH`, named by moment, recipient and subject."""

    def send_messages(self, email_messages: list[EmailMessage]) -> int:
        """Write the messages and return how many there were."""
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            to = slugify(message.to[0].partition("@")[0]) if message.to else "nobody"
            name = f"{timezone.localtime(clock.now()):%Y%m%d-%H%M%S-%f}-{to}-{slugify(message.subject)[:60]}"
            (folder / f"{name}.eml").write_bytes(message.message().as_bytes())
            for content, mimetype in getattr(message, "alternatives", []):
                if mimetype == "text/html":
                    (folder / f"{name}.html").write_text(content, encoding="utf-8")
        return len(email_messages)


class LastLetters(EmailBackend):
    """
    While the past is lived through: keep what leaves in its last weeks for those who can log in. Nobody reads the rest,
    which is counted as taken.
    """

    kept, domain = timedelta(days=30), "@example.com"

    def send_messages(self, email_messages: list[EmailMessage]) -> int:
        """Write those messages and return how many there were in all."""
        if timezone.now() - clock.now() <= self.kept:
            super().send_messages([one for one in email_messages if one.to and one.to[0].endswith(self.domain)])
        return len(email_messages)
