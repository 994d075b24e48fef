"""
One account whose books are broken (a restored backup, an UPDATE by hand) ends no job for others.

It is left alone, and named at the end; what else goes wrong (the database is away) is no account's fault.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import InterfaceError, OperationalError

from loyalty_oscar.kernel.errors import LoyaltyError, in_short

from .recording import check_foresight

logger = logging.getLogger("loyalty_oscar")
#: Accounts that are worked on in one transaction.
TOGETHER = 200
NOBODYS_FAULT = (OperationalError, InterfaceError)


class AccountsSkipped(LoyaltyError):
    """Everything was done but for some accounts: `accounts` says by id what is wrong with each."""

    def __init__(self, accounts: Mapping[int, str]) -> None:
        first = ", ".join(map(str, sorted(accounts)[:5]))
        more = f" and {len(accounts) - 5} more" if len(accounts) > 5 else ""
        super().__init__(f"skipped: account {first}{more}; loyalty_doctor says why")
        self.accounts = dict(accounts)


class Skips:
    """The accounts that a piece of work had to leave alone so far."""

    def __init__(self) -> None:
        self.accounts: dict[int, str] = {}

    @contextmanager
    def account(self, account_id: int) -> Iterator[None]:
        """Do something on one account; where its books are broken it is left alone."""
        try:
            yield
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            logger.exception("account %s was skipped, because its books are broken", account_id)
            self.accounts[account_id] = in_short(error, most=150)

    def each(
        self,
        account_ids: Sequence[int],
        *,
        together: Callable[[Sequence[int]], Mapping[int, Any]],
        alone: Callable[[int], Any],
    ) -> Iterator[tuple[int, Any]]:
        """
        Do something on many accounts, some hundred at once, and one by one where that fails; yields what it did.

        Raises `LoyaltyError` in a look ahead: whoever chose the accounts has not seen what was foreseen.
        """
        check_foresight()
        for start in range(0, len(account_ids), TOGETHER):
            portion = account_ids[start : start + TOGETHER]
            try:
                done = together(portion)
            except NOBODYS_FAULT:
                raise
            except Exception:
                logger.warning("%s accounts are done one by one, for one fails", len(portion), exc_info=True)
                done = {}
                for account_id in portion:
                    with self.account(account_id):
                        done[account_id] = alone(account_id)
            yield from done.items()

    def tell(self) -> None:
        """Raise `AccountsSkipped` if there were any."""
        if self.accounts:
            raise AccountsSkipped(self.accounts)
