"""Sets of account ids as bytes: sorted, and each as its distance from the one before, which packs well."""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterable
from itertools import accumulate, pairwise


def pack(ids: Iterable[int]) -> bytes:
    """Return a set of ids (64 bits, not negative) as bytes."""
    known = sorted(set(ids))
    steps = array("q", [after - before for before, after in pairwise([0, *known])])
    if sys.byteorder == "big":
        steps.byteswap()
    return zlib.compress(steps.tobytes())


def unpack(packed: bytes) -> Iterable[int]:
    """Return the ids that `pack` put together, in order."""
    steps = array("q")
    steps.frombytes(zlib.decompress(bytes(packed)))
    if sys.byteorder == "big":
        steps.byteswap()
    return accumulate(steps)
