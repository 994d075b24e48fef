"""
The optional class loader: `OSCAR_DYNAMIC_CLASS_LOADER = "loyalty_oscar.shop.pricing.loading.class_loader"`.

It puts the gates in front of every strategy that Oscar's selector makes, also where no middleware runs: in
django-oscar-api, in the search index, in alerts. A store's own loader is chained: LOYALTY_CLASS_LOADER names it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.utils.module_loading import import_string

from loyalty_oscar.program.conf import conf


def class_loader(module_label: str, classnames: Sequence[str], module_prefix: str = "oscar.apps") -> list[Any]:
    """Return the classes that the next loader finds; the selector of strategies with our gates."""
    found = import_string(conf.CLASS_LOADER)(module_label, classnames, module_prefix)
    if module_label != "partner.strategy" or "Selector" not in classnames:
        return found
    return [gated(kind) if name == "Selector" else kind for name, kind in zip(classnames, found, strict=True)]


@lru_cache(maxsize=8)
def gated(kind: type) -> type:
    """Return a selector of strategies whose strategies have the gates in front; again the same one."""
    if getattr(kind, "loyalty_is_gated", False):
        return kind

    def strategy(self: Any, request: Any = None, user: Any = None, **kwargs: Any) -> Any:
        # Oscar asks for classes before the apps are ready; the gates are asked for a strategy.
        from loyalty_oscar.shop.pricing.gate import set_gates
        from loyalty_oscar.shop.storefront.visit import visit_of

        made = super(found, self).strategy(request=request, user=user, **kwargs)
        return set_gates(strategy=made, visit=visit_of(request=request, user=user))

    told = {"__module__": kind.__module__, "strategy": strategy, "loyalty_is_gated": True}
    found = type(kind.__name__, (kind,), told)
    return found
