"""Balances brought along from another system: every row is checked before the first is written."""

from .before import ImportRow
from .checking import Balances, read
from .posting import is_there, post
from .sheet import BadFile, name_of

__all__ = ["BadFile", "Balances", "ImportRow", "is_there", "name_of", "post", "read"]
