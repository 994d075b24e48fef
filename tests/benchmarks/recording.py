"""
`make recording`: everything that people of the demo shop see, written down as text, to lay two versions side by side.

Seeds a shop of its own on a fixed day and writes into a folder (`--out`): the pages of a guest, of each demo member and
of staff, the answers of the API, all mails, the output of our commands, and every entry of the ledger. Run it before
and after a change that must change nothing, then `diff -r before after`. Names in `--as old=new` are put in place of
the old ones first, for a change that renames things.
"""

from __future__ import annotations

import argparse
import html
import os
import random
import re
import secrets
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

DAY = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
#: Where each walk begins; it goes on from there by links that lead to pages of ours, or of Oscar's with ours on them.
DOORS = ("/", "/catalogue/", "/basket/", "/accounts/", "/loyalty/", "/loyalty/api/schema/")
API = re.compile(r'"(/loyalty/api/[^{"]*)": {\s+"get"')
STAFF_DOORS = ("/admin/", "/dashboard/", "/dashboard/orders/", "/dashboard/users/", "/dashboard/loyalty/")
OURS = re.compile(r"^/(loyalty/|accounts/|basket/$|dashboard/loyalty|admin/loyalty)|^/$")
#: Of these so many are looked at.
SOME = re.compile(r"^/catalogue/[\w-]+_\d+/$|^/catalogue/category/|^/dashboard/(orders|users)/\d+/$")
FEW, MOST = 8, 400
NEVER = re.compile(r"logout|/i18n/|\.(png|jpg|svg|css|js)$|\?(?!page=2$)")
#: What differs each time, and means nothing.
NOISE = (
    (re.compile(r'(csrfmiddlewaretoken" value=")\w+'), r"\1…"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "…"),
    (re.compile(r"(csrftoken|sessionid|data-csrf)=\S+"), r"\1=…"),
)


def main() -> None:
    """Record the shop of this checkout."""
    parser = argparse.ArgumentParser(prog="recording", description="Write down all that the demo shop shows.")
    parser.add_argument("--out", type=Path, default=Path("recording"), help="a folder for the texts")
    parser.add_argument("--as", dest="named", action="append", default=[], metavar="OLD=NEW", help="names that changed")
    asked = parser.parse_args()
    import time_machine

    with tempfile.TemporaryDirectory() as folder, time_machine.travel(DAY, tick=False):
        os.environ["DJANGO_SETTINGS_MODULE"] = "sandbox.settings"
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/shop.sqlite3"
        os.environ["EMAIL_URL"] = "memorymail://"
        Recorder(out=asked.out, named=[tuple(one.split("=", 1)) for one in asked.named]).record()


class Recorder:
    """Writes one file for each thing that was seen."""

    def __init__(self, *, out: Path, named: list[tuple[str, ...]]) -> None:
        self.out, self.named, self.written = out, named, 0

    def record(self) -> None:
        """Seed a shop and write down all of it."""
        import django

        django.setup()
        from django.core.management import call_command
        from oscar.core.loading import get_model

        secrets.choice = random.Random(1).choice  # The codes of friends' links are drawn with it.
        call_command("sandbox_seed", stdout=StringIO())
        for mail in get_model("communication", "Email").objects.order_by("pk"):
            self.write(f"mails/{mail.pk:04}", f"{mail.email} {mail.subject}\n{mail.body_text}\n{mail.body_html}")
        self.write("entries", "\n".join(entries()))
        for name in ("audit", "doctor", "setup", "reconcile", "welcome", "import", "run", "uninstall"):
            self.write(f"commands/{name}", said(f"loyalty_{name}", "--help"))
        for name in ("audit", "doctor", "reconcile"):
            self.write(f"commands/{name}.told", said(f"loyalty_{name}"))
        self.walk("guest", None, DOORS)
        for user in members():
            self.walk(user.email.partition("@")[0], user, DOORS)
        self.walk("staff", staff(), STAFF_DOORS)
        print(f"{self.written} texts in {self.out}")

    def walk(self, who: str, user: Any, doors: tuple[str, ...]) -> None:
        """Follow the links of somebody's pages from these doors, and write down each page."""
        from django.test import Client

        client, seen, some = Client(HTTP_HOST="127.0.0.1", raise_request_exception=False), set(doors), 0
        if user:
            client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        left = deque(doors)
        while left and len(seen) - len(left) < MOST:
            path = left.popleft()
            answer = client.get(path)
            text = answer.content.decode(errors="replace") if not answer.streaming else ""
            self.write(f"{who}{path}".rstrip("/") or who, f"{answer.status_code} {answer.get('Location', '')}\n{text}")
            for link in links(text, path):
                if link in seen or NEVER.search(link) or not (OURS.match(link) or SOME.match(link)):
                    continue
                if SOME.match(link):
                    some += 1
                    if some > FEW:
                        continue
                seen.add(link)
                left.append(link)

    def write(self, name: str, text: str) -> None:
        """Write a text down without what differs each time."""
        for old, new in self.named:
            text, name = text.replace(old, new), name.replace(old, new)
        for pattern, instead in NOISE:
            text = pattern.sub(instead, text)
        file = self.out / (re.sub(r"[?&=:*]", "_", name) + ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("\n".join(line.strip() for line in text.splitlines() if line.strip()) + "\n")
        self.written += 1


def links(text: str, path: str) -> Iterator[str]:
    """Yield where a page leads to, within the shop."""
    for found in [*re.findall(r'href="([^"#]+)', text), *API.findall(text)]:
        link = urljoin(path, html.unescape(found))
        if link.startswith("/"):
            yield link


def members() -> list[Any]:
    """Return the people of the demo shop that one can log in as."""
    from django.contrib.auth import get_user_model

    from sandbox.seed import people

    return list(get_user_model().objects.filter(email__in=[one.email for one in people.demo()]).order_by("email"))


def staff() -> Any:
    """Return somebody who may see everything."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.filter(is_superuser=True).order_by("pk").first()


def said(name: str, *words: str) -> str:
    """Return what a command prints, and how it ends."""
    from django.core.management import call_command

    out, end = StringIO(), "0"
    with redirect_stdout(out), redirect_stderr(out):
        try:
            call_command(name, *words)
        except BaseException as error:  # noqa: BLE001 - a command ends by an exception, `--help` too
            end = f"{type(error).__name__} {error}"
    return f"{out.getvalue()}\n{end}"


def entries() -> Iterator[str]:
    """Yield every entry of the ledger in one line."""
    from loyalty_oscar.ledger.models import Entry

    names = ("d_available", "d_pending", "d_reserved", "d_debt", "net_after", "available_after")
    for entry in Entry.objects.select_related("account__member__user").order_by("account_id", "seq"):
        user = entry.account.member.user
        amounts = " ".join(str(getattr(entry, name)) for name in names)
        whose = user.email if user else entry.account.member_id
        yield f"{whose} {entry.seq} {entry.key} {entry.kind} {amounts} {entry.because} {entry.effective_at}"


if __name__ == "__main__":
    sys.exit(main())
