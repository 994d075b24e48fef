"""Every division of the house. Points are integers, exact shares are fractions, and no float comes near."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from .errors import BadRule

MODES = ("floor", "half_up", "ceil")


def round_points(*, exact: Fraction, mode: str) -> int:
    """
    Round an exact, non-negative number of points once.

    `floor` is the default of a program, because only it makes splitting an order never pay
    (floor(a) + floor(b) <= floor(a + b)). Raises `BadRule` for another mode.
    """
    if mode == "floor":
        return exact.numerator // exact.denominator
    if mode == "ceil":
        return -(-exact.numerator // exact.denominator)
    if mode == "half_up":
        return half_up(exact=exact)
    raise BadRule(f"rounding must be one of {', '.join(MODES)}, not {mode!r}")


def half_up(*, exact: Fraction) -> int:
    """Round to the nearest whole number, a half up, as shop prices are rounded."""
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def as_shown(*, exact: Fraction, finer: int = 1) -> int:
    """
    Return a sum as a shop shows it, in whole minor units: rounded half up to what its columns hold, then once more.

    `finer` says how many parts of a minor unit they hold: 1 for euros in columns of two decimals, 100 for yen.
    """
    return half_up(exact=Fraction(half_up(exact=exact * finer), finer))


def full_steps(*, amount: int, step: int) -> int:
    """Return how many whole steps fit into the amount (both minor units)."""
    return amount // step


def spread(*, total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """
    Split `total` by `weights` so that the parts are integers and add up: largest remainder, ties to the first.

    Weights are not negative; with no weight at all, everything goes to the first part.
    Source: Hamilton's method of apportionment.
    """
    if not weights:
        return []
    whole = sum(Fraction(weight) for weight in weights)
    if not whole:
        return [total] + [0] * (len(weights) - 1)
    return share_out(total=total, exact=[Fraction(weight) * total / whole for weight in weights])


def share_out(*, total: int, exact: Sequence[Fraction]) -> list[int]:
    """
    Round exact shares, whose sum was rounded to `total`, so that they add up and none moves by a whole point.

    Each share is rounded down; what is left goes to the largest remainders, ties to the first.
    """
    parts = [share.numerator // share.denominator for share in exact]
    left = total - sum(parts)
    if left > 0:
        by_remainder = sorted(range(len(parts)), key=lambda i: (parts[i] - exact[i], i))
        for i in by_remainder[:left]:
            parts[i] += 1
    return parts


def left_to_pay(*, exact: Sequence[Fraction], parts: Sequence[int], finer: int = 1) -> list[int | None]:
    """
    Return what is left of each amount that gives its part, in whole minor units; None where it gives nothing.

    Shops count in fractions of a cent and round the sum half up. Here that sum falls by exactly the parts; so
    what is left of an amount may be a cent away from amount - part. `finer` as in `as_shown`.
    """
    touched = [max(Fraction(0), amount - part) for amount, part in zip(exact, parts, strict=True) if part]
    rest = sum((amount for amount, part in zip(exact, parts, strict=True) if not part), Fraction(0))
    left = as_shown(exact=sum(exact, Fraction(0)), finer=finer) - as_shown(exact=rest, finer=finer) - sum(parts)
    shares = share_out(total=left, exact=touched)
    # An amount of 0.75 that is to give 1 gives 0.75; the largest give the rest of it.
    for _missing in range(min(sum(shares), sum(shares) - left)):
        shares[shares.index(max(shares))] -= 1
    whole = iter(shares)
    return [next(whole) if part else None for part in parts]


def falls(*, total: int, rooms: Sequence[int], exact: Sequence[Fraction], finer: int = 1) -> list[int]:
    """
    Return what comes off each amount that has `room` for it; less than `total` where their sum cannot fall by so much.

    Amounts of 0.33 yen have room for a yen between them, and one of them alone lets no sum fall by one. So ties go to
    the first that holds its room, and what the untouched ones still come to is seen to. `finer` as in `as_shown`.
    """
    whole = as_shown(exact=sum(exact, Fraction(0)), finer=finer)
    places = sorted(range(len(rooms)), key=lambda place: rooms[place] > exact[place])
    while True:
        parts = dict(zip(places, spread(total=total, weights=[rooms[place] for place in places]), strict=True))
        rest = sum((amount for place, amount in enumerate(exact) if not parts[place]), Fraction(0))
        fallen = whole - as_shown(exact=rest, finer=finer)
        if fallen >= total:
            return [parts[place] for place in range(len(rooms))]
        total = fallen


def taken_back(*, points: int, gone: int, quantity: int) -> int:
    """
    Return how many of a line's points are gone once `gone` of `quantity` units went back.

    Cumulative: floor(points x gone / quantity), so the last unit takes the remainder and
    any order of partial returns ends where the full return ends.
    """
    return points * min(max(gone, 0), quantity) // quantity if quantity else points


def to_minor(*, amount: Decimal, exponent: int = 2) -> int:
    """Return money as minor units (cents where `exponent` is 2), half up as shop prices are rounded."""
    return half_up(exact=exact_minor(amount=amount, exponent=exponent))


def exact_minor(*, amount: Decimal, exponent: int = 2) -> Fraction:
    """Return money in minor units, not rounded at all."""
    return Fraction(amount) * 10**exponent


def to_major(*, minor: int, exponent: int = 2) -> Decimal:
    """Return minor units as money with exactly `exponent` decimals."""
    return Decimal(minor).scaleb(-exponent)


def worth_minor(*, points: int, per_points: int, minor: int) -> int:
    """Return what points buy, in whole minor units, rounded down: `per_points` points buy `minor` minor units."""
    return points * minor // per_points


def fewest_points(*, wanted: int, per_points: int, minor: int) -> int:
    """
    Return the fewest points that buy `wanted` minor units: `per_points` points buy `minor` minor units.

    So nobody pays points for a fraction of a cent: worth_minor of the answer is at least `wanted`, of one less not.
    """
    return -(-wanted * per_points // minor)


def per_mille(*, part: int, whole: int) -> int:
    """Return part of whole in thousandths, for progress bars (0 to 1000; 0 of 0 is 0)."""
    return min(1000, max(0, part * 1000 // whole)) if whole > 0 else 0


def two_places(*, exact: Fraction) -> str:
    """Return an exact share to two places, as a why shows it ("74.20"); rounded half up, only for the eye."""
    cents = half_up(exact=100 * exact)
    return f"{cents // 100}.{cents % 100:02d}"


def percentage(*, part: int, whole: int) -> Decimal | None:
    """Return what percentage one number is of another; None where two decimals do not say it exactly."""
    hundredths, rest = divmod(part * 10_000, whole)
    return None if rest else Decimal(hundredths).scaleb(-2)


def part_and_whole(*, percent: Fraction | Decimal) -> tuple[int, int]:
    """
    Return a percentage in whole numbers as people read them: 2 of 100, 25 of 1,000. Two decimals at most.

    The way back of `percentage`.
    """
    scale = next(scale for scale in (1, 10, 100) if percent * scale == int(percent * scale))
    return int(percent * scale), 100 * scale
