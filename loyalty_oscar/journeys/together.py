"""What goes with what, as pure rules: products that are bought together more often than chance would have it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations, zip_longest

#: Two products that met in fewer baskets met by chance.
LEAST = 3
#: A basket of more products is a wholesaler's, and says nothing of what goes with what.
LARGEST = 30
#: So many are kept for each product, because some of them are sold out or not for everybody.
KEPT = 12


def companions(*, baskets: Iterable[Collection[int]]) -> dict[int, tuple[int, ...]]:
    """
    Return for each product what goes with it, the closest first. A basket of one product says nothing.

    What counts is how much more often two products meet than two that are bought as often would by chance, and more
    than chance scatters (its standard deviation). So a home with both brings no cat food to dogs.
    """
    told = [sorted(set(basket)) for basket in baskets if 2 <= len(set(basket)) <= LARGEST]
    alone = Counter(product for basket in told for product in basket)
    pairs = Counter(pair for basket in told for pair in combinations(basket, 2))
    found: dict[int, list[tuple[int, int]]] = {}
    for (one, other), met in pairs.items():
        by_chance = alone[one] * alone[other]  # Times the number of baskets, so that all numbers are whole.
        more = met * len(told) - by_chance
        if met >= LEAST and more > 0 and more**2 > by_chance * len(told):
            found.setdefault(one, []).append((-more, other))
            found.setdefault(other, []).append((-more, one))
    return {product: tuple(other for _more, other in sorted(near)[:KEPT]) for product, near in found.items()}


def in_turn(
    *, bought: Sequence[int], together: Mapping[int, Sequence[int]], without: Collection[int], most: int
) -> list[int]:
    """
    Return at most so many of what goes with what was bought: the closest to each in turn, so that of a home with two
    kinds of animals neither is forgotten; each once, and nothing of `without`.
    """
    turns = zip_longest(*(together.get(product, ()) for product in dict.fromkeys(bought)))
    found = dict.fromkeys(product for turn in turns for product in turn if product is not None)
    return [product for product in found if product not in without][:most]
