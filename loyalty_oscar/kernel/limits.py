"""
The most that a number may be: far beyond what anybody means, and far below what a column of the ledger holds.

A slip of the hand must not make an order impossible to count. The caps are chosen so that an order of ten billion euros
still fits under the most generous rate, and an account holds thousands of such orders.
"""

from __future__ import annotations

#: Points that somebody may give at once: for a piece, an order, a campaign, a level, a friend, by hand.
MOST_POINTS = 10_000_000
#: Minor units of an amount that a rule may name.
MOST_MINOR = 10**12
#: Points for the smallest unit of a currency.
MOST_RATE = 1_000
#: What a multiplier may be, in percent.
MOST_PERCENT = 10_000
#: Points that one order may bring, whatever rules a store writes by itself.
MOST_OF_AN_ORDER = 10**15
#: Points that a campaign may give in all.
MOST_BUDGET = 10**12
