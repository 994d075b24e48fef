"""
Checks on a referral and codes to pass on: pure. A check answers allow, review or block, with its reason; the
strictest answer counts, a household is reviewed and never blocked.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from loyalty_oscar.kernel.because import Because
from loyalty_oscar.kernel.hooks import RAISE, Hook
from loyalty_oscar.kernel.mailbox import plain_email

ALLOW, REVIEW, BLOCK = "allow", "review", "block"
ORDER = (ALLOW, REVIEW, BLOCK)
CONSONANTS, VOWELS = "bdfghkmnprstvz", "aeiou"
#: The last part of a link, which is the code of an invitation's; and so long a link may be.
LAST_PART, LONGEST_LINK = re.compile(r"/([^/?#]+)/?(?:[?#].*)?$"), 300
CODE = re.compile(rf"(?:[{CONSONANTS}][{VOWELS}]){{4}}[{CONSONANTS}]")
#: None shares a factor with the number of consonants, so that one wrong letter always changes the check letter.
WEIGHTS = (1, 3, 5, 9, 11, 13, 1, 3)


@dataclass(frozen=True, kw_only=True, slots=True)
class Person:
    """
    One side of a referral as the checks see it: plain facts, gathered by the shop.

    `addresses` are normalized postal addresses, `recipients` the same with the name on the parcel, `ordered_before`
    when the mailbox first bought, from any account or as a guest (None = never), `joined_at` when the membership
    began, `mark` a keyed hash of the mailbox.
    """

    user_id: object
    email: str = ""
    addresses: frozenset[str] = frozenset()
    recipients: frozenset[str] = frozenset()
    phones: frozenset[str] = frozenset()
    ordered_before: datetime | None = None
    joined_at: datetime | None = None
    mark: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """Who invited, who came, when the two were tied, and whether a newcomer of that mailbox had come before."""

    giver: Person
    newcomer: Person
    bound_at: datetime
    came_before: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckResult:
    """What a check found: its verdict and why."""

    check: str
    verdict: str = ALLOW
    because: Because = field(default_factory=lambda: Because("nothing_found"))


class ReferralCheck(Protocol):
    """Looks at a pair; returns a verdict with its reason, or None where it has nothing to say."""

    def __call__(self, *, pair: Pair) -> tuple[str, Because] | None: ...


referral_checks: Hook[ReferralCheck] = Hook("referral_checks", ReferralCheck, on_error=RAISE)


def findings(*, pair: Pair) -> list[CheckResult]:
    """Return what every registered check has to say, in order of their codes."""
    told = referral_checks.each(pair=pair)
    return [CheckResult(check=name, verdict=found[0], because=found[1]) for name, found in told if found]


def strictest(*, verdicts: Iterable[str]) -> str:
    """Return the strictest verdict; `allow` where there is none."""
    return max(verdicts, key=ORDER.index, default=ALLOW)


def plain_address(*, parts: Iterable[str]) -> str:
    """Return a postal address as letters and digits alone, so that one flat has one spelling."""
    text = unicodedata.normalize("NFKD", " ".join(parts)).casefold()
    return "".join(c for c in text if c.isalnum())


def check_letter(*, letters: str) -> str:
    """Return the ninth letter of a code, which tells a typo in the eight before it without asking who has the code."""
    numbers = [(CONSONANTS if place % 2 == 0 else VOWELS).index(letter) for place, letter in enumerate(letters)]
    total = sum(weight * number for weight, number in zip(WEIGHTS, numbers, strict=True))
    return CONSONANTS[total % len(CONSONANTS)]


def new_code() -> str:
    """
    Return a fresh code of four syllables and a check letter that can be said on the phone ("bafi-muzob"); about 24
    million of them.
    """
    letters = "".join(secrets.choice(CONSONANTS) + secrets.choice(VOWELS) for _ in range(4))
    return f"{letters[:4]}-{letters[4:]}{check_letter(letters=letters)}"


def read_code(*, text: str) -> str:
    """
    Return a code as it is kept, however it was typed ("BAFI muzob") or pasted, as the link that ends in it; nothing for
    what can be none.

    One wrong letter, and two neighbors that changed places, never pass: the first changes the check letter, the second
    the order of consonants and vowels.
    """
    last = LAST_PART.search(text[:LONGEST_LINK])
    typed = last[1] if last else text
    plain = "".join(
        c for c in unicodedata.normalize("NFKC", typed[:40]).casefold() if c not in " -\N{HYPHEN}\N{EN DASH}"
    )
    is_one = CODE.fullmatch(plain) and check_letter(letters=plain[:8]) == plain[8]
    return f"{plain[:4]}-{plain[4:]}" if is_one else ""


def has_typo(*, text: str) -> bool:
    """Return whether something was typed that is no code of anybody, whoever has which."""
    return bool(text.strip()) and not read_code(text=text)


def can_bring(*, giver: tuple[datetime, int], newcomer: tuple[datetime, int]) -> bool:
    """
    Return whether a member may bring another, each told as (joined at, number): only who was there before.

    So every tie leads from an older member to a younger one, and no two, and no ring of any length, bring each other.
    """
    return giver < newcomer


@referral_checks.register("same-account")
def same_account(*, pair: Pair) -> tuple[str, Because] | None:
    """Nobody brings themselves."""
    return (BLOCK, Because("same_account")) if pair.giver.user_id == pair.newcomer.user_id else None


@referral_checks.register("same-email")
def same_email(*, pair: Pair) -> tuple[str, Because] | None:
    """One mailbox is one person, however its address is written."""
    mine, theirs = plain_email(email=pair.giver.email), plain_email(email=pair.newcomer.email)
    return (BLOCK, Because("same_email")) if mine == theirs and pair.giver.email else None


@referral_checks.register("known-customer")
def known_customer(*, pair: Pair) -> tuple[str, Because] | None:
    """Who has bought here before was not brought in."""
    before = pair.newcomer.ordered_before
    known = pair.came_before or (before is not None and before < pair.bound_at)
    return (BLOCK, Because("known_customer")) if known else None


@referral_checks.register("own-order")
def own_order(*, pair: Pair) -> tuple[str, Because] | None:
    """A parcel with the name and address of who invites may be a present; somebody looks at it."""
    return (REVIEW, Because("own_order")) if pair.giver.recipients & pair.newcomer.recipients else None


@referral_checks.register("same-address")
def same_address(*, pair: Pair) -> tuple[str, Because] | None:
    """A household may invite each other; somebody looks at it."""
    return (REVIEW, Because("same_address")) if pair.giver.addresses & pair.newcomer.addresses else None


@referral_checks.register("same-phone")
def same_phone(*, pair: Pair) -> tuple[str, Because] | None:
    """One phone may serve a household; somebody looks at it."""
    return (REVIEW, Because("same_phone")) if pair.giver.phones & pair.newcomer.phones else None
