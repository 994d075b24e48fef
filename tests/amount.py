"""How many examples the arithmetic draws: some hundreds in every run, with LOYALTY_EXAMPLES=500 as many times more."""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("LOYALTY_EXAMPLES", "1"))
_rules = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}

#: Pure functions: 200, and 100,000 with `make arithmetic`.
many = settings(max_examples=200 * TIMES, **_rules)
#: Through real baskets and orders: 50, and 5,000.
some = settings(max_examples=50 * max(1, TIMES // 5), **_rules)
