"""What can go wrong, by name. Each message says what to do about it."""


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
