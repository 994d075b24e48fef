"""Balances brought along from another system: every row is checked before the first is written."""

from .checking import Balances, Row, read
from .posting import is_there, post
from .sheet import BadFile, name_of

__all__ = ["BadFile", "Balances", "Row", "is_there", "name_of", "post", "read"]
