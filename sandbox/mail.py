"""Outgoing mail as files: an `.eml` for a mail program and, where there is one, its HTML page for a browser."""

from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend
from django.utils import timezone
from django.utils.text import slugify


class EmailBackend(BaseEmailBackend):
    """Write each message into `EMAIL_FILE_PATH`, named by moment, recipient and subject."""

    def send_messages(self, email_messages: list[EmailMessage]) -> int:
        """Write the messages and return how many there were."""
        folder = Path(settings.EMAIL_FILE_PATH)
        folder.mkdir(parents=True, exist_ok=True)
        for message in email_messages:
            to = slugify(message.to[0].partition("@")[0]) if message.to else "nobody"
            name = f"{timezone.localtime():%Y%m%d-%H%M%S-%f}-{to}-{slugify(message.subject)[:60]}"
            (folder / f"{name}.eml").write_bytes(message.message().as_bytes())
            for content, mimetype in getattr(message, "alternatives", []):
                if mimetype == "text/html":
                    (folder / f"{name}.html").write_text(content, encoding="utf-8")
        return len(email_messages)
