"""How many examples the arithmetic draws: thousands in every run, and with LOYALTY_EXAMPLES=50 fifty times as many."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("LOYALTY_EXAMPLES", "1"))
_rules = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}

#: Pure functions: 2,000, and 100,000 with `make arithmetic`.
many = settings(max_examples=2_000 * TIMES, **_rules)
#: Through real baskets and orders: 200, and 5,000.
some = settings(max_examples=200 * max(1, TIMES // 2), **_rules)
