"""Proof on demand: every balance is worked out again from its history."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from loyalty_oscar.ledger.audit import AuditProgress, audit
from loyalty_oscar.ledger.models import Account

from ..command import LoyaltyCommand, at_least_one


class Command(LoyaltyCommand):
    help = "Works every balance out again from its history; exits 1 and names the account on any difference."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", type=int, metavar="ID", help="check one account only")

    def work(self, *, account: int | None, **options: Any) -> None:
        at_least_one(option="--account", number=account)
        if account is not None and not Account.objects.filter(pk=account).exists():
            raise CommandError(f"there is no account {account}")
        total = 1 if account is not None else Account.objects.count()
        found = AuditProgress()
        for found in audit(account_id=account):
            self.progress(f"{found.accounts:,} of {total:,} accounts, {found.entries:,} entries")
        for account_id, wrong in found.wrong:
            self.stderr.write(f"account {account_id}: {wrong}")
        seen = f"{found.accounts:,} accounts with {found.entries:,} entries"
        if found.wrong:
            accounts = len({account_id for account_id, _wrong in found.wrong})
            raise CommandError(f"{accounts} of {seen} are not what their history says")
        self.say(f"{seen}: every balance is what its history says.")
