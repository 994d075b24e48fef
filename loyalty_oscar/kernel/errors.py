"""What can go wrong, by name. Each message says what to do about it."""

import re

#: Where an error is written down, it stays after the people whom it names.
ADDRESS = re.compile(r"[^\s'\"<>(){}\[\],;:=]+@[^\s'\"<>(){}\[\],;:=]+")


def in_short(error: BaseException, *, most: int = 200) -> str:
    """Return what is written down of an error: its kind and its first line, without e-mail addresses."""
    return shortened(text=f"{type(error).__name__}: {error}", most=most)


def shortened(*, text: str, most: int = 200) -> str:
    """Return the first line of what somebody said, without e-mail addresses."""
    first, _newline, _more = text.partition("\n")
    return ADDRESS.sub("\N{HORIZONTAL ELLIPSIS}", first)[:most]


class LoyaltyError(Exception):
    """Base of every error that loyalty_oscar raises on purpose."""


class BadRule(LoyaltyError, ValueError):
    """A rule, condition or setting holds nonsense. Raised when it is built, hence when it is saved."""


class UnknownCode(LoyaltyError, LookupError):
    """Nobody registered this code."""


class NotEnoughPoints(LoyaltyError):
    """More points were asked for than the account has ready."""


class KeyMismatch(LoyaltyError):
    """The same key came again with other contents."""


class NotAllowed(LoyaltyError):
    """The state of things does not allow this now."""


class Frozen(NotAllowed):
    """Staff froze the points of this member."""
