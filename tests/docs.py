"""The Python files of the docs, imported, so that what they show is run."""

import importlib.util
import sys
from contextlib import contextmanager
from pathlib import Path

from loyalty_oscar import extend

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
EXAMPLES = DOCS / "howto" / "examples"


def load(path: Path):
    """Import a Python file of the docs."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # A dataclass looks its module up.
    spec.loader.exec_module(module)
    return module


@contextmanager
def own_rules():
    """Register the rules of the how-to for a while."""
    module = load(EXAMPLES / "loyalty_rules.py")
    yield module
    extend.earning_rules.unregister("many-products")
    extend.conditions.unregister("weekday")
    for code in ("many_products", "weekday"):
        extend.reasons.unregister(code)


@contextmanager
def own_hooks():
    """Register the metric, the effect, the piece and the check of the how-to for a while."""
    module = load(EXAMPLES / "loyalty_hooks.py")
    yield module
    extend.metrics.unregister("lines")
    extend.order_effects.unregister("mailing-tool")
    extend.contributions.at("account:more").unregister("pieces")
    extend.doctor_checks.unregister("mailing-tool")


@contextmanager
def own_trait():
    """Register the trait of the how-to for a while."""
    module = load(EXAMPLES / "loyalty_trait.py")
    try:
        yield module
    finally:
        extend.traits.unregister("on-weekends")


@contextmanager
def own_channel():
    """Register the fact of orders and the condition of the how-to for a while."""
    module = load(EXAMPLES / "loyalty_channel.py")
    try:
        yield module
    finally:
        for registry in (extend.order_facts, extend.conditions, extend.reasons):
            registry.unregister("channel")
