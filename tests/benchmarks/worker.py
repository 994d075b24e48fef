"""
One of the two shops that `benchmark` compares, as a process that does as it is told: a line of JSON in, one out.

Run with the settings of the shop; it makes a database of its own and fills it the same way in both.
"""

import gc
import itertools
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from typing import Any

import django
from django.conf import settings

SHOP = sys.argv[1] if len(sys.argv) > 1 else "with"
#: In the shop, and on one page of its list.
PRODUCTS, LISTED = 40, 24
PAGES = {"home": "/", "catalogue": "/catalogue/", "basket": "/basket/"}
GOLD = "gold@example.com"
ADDRESS = {
    "first_name": "New",
    "last_name": "Comer",
    "line1": "1 Long Street",
    "line4": "London",
    "postcode": "N1 9RT",
    "country": "GB",
}
HEADERS = ("Vary", "Cache-Control", "Expires", "Content-Type")


class Shop:
    """Products, a customer with a past, and what can be measured. Every measurement returns plain values."""

    def __init__(self, has_suite: bool) -> None:
        from oscar.core.loading import get_model

        from tests.projects import shopping

        self.has_suite, self.shopping, self.numbers = has_suite, shopping, itertools.count(1)
        get_model("address", "Country").objects.create(
            iso_3166_1_a2="GB", printable_name="United Kingdom", is_shipping_country=True
        )
        category = get_model("catalogue", "Category").add_root(name="Everything")
        self.titles = [f"Product {n:02d}" for n in range(PRODUCTS)]
        for n, title in enumerate(self.titles):
            shopping.a_product(title, price=f"{10 + n}.33", category=category)
        get_model("partner", "StockRecord").objects.update(num_in_stock=1_000_000)
        if has_suite:
            from loyalty_oscar.program.tasks import backends
            from loyalty_oscar.testing import a_program
            from tests.benchmarks.points import Points

            a_program(code="club", name="Paw Club")
            backends.register("nowhere")(lambda name, arguments: None)
            self.points = Points(shopping, self.titles)
        self.gold = shopping.a_person(GOLD)
        self.member = shopping.a_person("member@example.com")
        shopping.place(self.member, {self.titles[0]: 1})
        self.pages = {**PAGES, "product": shopping.product(self.titles[3]).get_absolute_url()}

    @cached_property
    def reader(self) -> str:
        """A member whose basket no other part fills."""
        self.shopping.place(self.shopping.a_person("reader@example.com"), {self.titles[0]: 1})
        return "reader@example.com"

    @cached_property
    def sales(self) -> Any:
        """Levels, sales and member prices, from when they are first asked for: the other parts go without."""
        from tests.benchmarks.sales import Sales

        return Sales(self.shopping, self.points.unit, self.titles, gold=self.gold)

    @cached_property
    def all(self) -> Any:
        """All that can be in force, from when it is first asked for."""
        from tests.benchmarks.everything import Everything

        return Everything(self.sales, self.shopping)

    @cached_property
    def rewards(self) -> Any:
        """As many rewards as a list has products, from when they are first asked for: the other parts go without."""
        from tests.benchmarks.rewards import Rewards

        return Rewards(unit=self.points.unit, products=[self.shopping.product(title) for title in self.titles[:LISTED]])

    def forget(self) -> None:
        """Be as cold as a process that has just begun."""
        if self.has_suite:
            from loyalty_oscar.program.queries import forget_cache

            forget_cache()

    def page(self, *, name: str, signed_in: bool = False, cold: bool = False, filled: bool = False) -> dict[str, Any]:
        """Get a page as somebody who was there before: queries, headers, and what ours shows there."""
        from django.test import Client

        client = self.shopping.client_of("member@example.com") if signed_in else Client()
        if filled:
            client.post(f"/basket/add/{self.shopping.product(self.titles[3]).pk}/", {"quantity": 1})
        address = self.pages[name]
        client.get(address)
        if cold:
            self.forget()
        with captured() as queries:
            answer = client.get(address)
        cookies = sorted((m.key, m["path"], m["httponly"], m["samesite"], m["secure"]) for m in answer.cookies.values())
        return {
            "status": answer.status_code,
            "queries": len(queries),
            "headers": [*((name, answer.get(name)) for name in HEADERS), ("Set-Cookie", cookies)],
            "shows": sorted({m for m in ("earn", "available") if f'data-loyalty="{m}"' in answer.content.decode()}),
        }

    def listed(self, *, how: str = "", signed_in: bool = False, pages: int = 0) -> dict[str, Any]:
        """
        Get the list of products as a stranger or a member with a level, whose sales are `plain`, `open` or `locked`.

        CPU seconds of a page where `pages` says of how many, else queries and what the page shows.
        """
        from django.test import Client

        if how:
            self.sales.switch(how)
        client = self.shopping.client_of(GOLD) if signed_in else Client()
        address = self.pages["catalogue"]
        if pages:
            return {"cpu": spent_on(client, address, pages=pages)}
        client.get(address)
        with captured() as queries:
            answer = client.get(address)
        text = answer.content.decode()
        shown = {mark: text.count(f'data-loyalty="{mark}"') for mark in ("cut", "lock")}
        return {"queries": len(queries), "products": text.count("product_pod"), **shown}

    def order(
        self, *, lines: int, new: bool = False, cold: bool = False, queue: bool = False, web: bool = False
    ) -> dict[str, int]:
        """Place an order of so many lines: statements up to its commit and after it, and how many name our tables."""
        place = self._ready(lines, new=new, web=web)
        if cold:
            self.forget()
        with tasks(queue), captured() as queries:
            place()
        said = [query["sql"] for query in queries]
        at = next(n for n, sql in enumerate(said) if sql.startswith('INSERT INTO "order_order"'))
        commit = next(n for n, sql in enumerate(said) if n > at and sql.startswith("COMMIT"))
        ours = sum("loyalty_" in sql for sql in said[: commit + 1])
        return {"before": commit + 1, "ours_before": ours, "after": len(said) - commit - 1}

    def cpu(self, *, lines: int, queue: bool = False, web: bool = False) -> float:
        """Place an order of so many lines and return the CPU seconds that it took; nobody counts statements."""
        place = self._ready(lines, new=False, web=web)
        gc.collect()
        with tasks(queue):
            begun = time.process_time()
            place()
            return time.process_time() - begun

    def everything(self, *, how: str, queue: bool = False, known: bool = False) -> dict[str, int]:
        """
        Let a new customer, or one `known` by an order, use points: with them alone (`points`) or with `everything`;
        queries of each step.
        """
        self.all.switch(how)

        def prepare(user: Any) -> None:
            if how == "everything":
                self.all.bring(user)
            if known:
                self.shopping.place(user, {self.titles[0]: 1})

        return self.visit(discount="points", lines=3, queue=queue, prepare=prepare, look=("product", "account"))

    def use_rewards(self, *, how: str, queue: bool = False) -> dict[str, int]:
        """Let a customer use points alone (`points`), or a gift and something off as well: queries of each step."""
        claims: list[Any] = []

        def prepare(user: Any) -> None:
            if how == "rewards":
                claims.extend(self.rewards.claim(user))

        return self.visit(
            discount="points",
            lines=3,
            queue=queue,
            prepare=prepare,
            use=lambda client: self.rewards.use(client, claims),
        )

    def list_of_rewards(self, *, pages: int = 0) -> dict[str, Any]:
        """Get the catalogue of rewards as a member: CPU seconds of a page, got `pages` times, or its queries."""
        client = self.shopping.client_of(self.reader)
        address = self.rewards.page
        if pages:
            return {"cpu": spent_on(client, address, pages=pages)}
        client.get(address)
        with captured() as queries:
            answer = client.get(address)
        return {"queries": len(queries), "rewards": answer.content.decode().count('data-loyalty="reward"')}

    def visit(
        self, *, discount: str, lines: int, lots: int = 1, queue: bool = False,
        prepare: Callable[[Any], None] = lambda user: None, use: Callable[[Any], None] = lambda client: None,
        look: Sequence[str] = (),
    ) -> dict[str, int]:  # fmt: skip
        """
        Fill a basket, have it discounted (`none`, `points`, `voucher`) and order it: queries of each step.

        `prepare` is done with the customer at first, `use` with the browser before it is looked at, and these pages are
        looked at besides.
        """
        client = self.points.client_with(discount, lines=lines, lots=lots, prepare=prepare)
        use(client)
        found = {}
        for name in look:
            address = {"account": "/loyalty/", **self.pages}[name]
            client.get(address)
            with captured() as queries:
                answer = client.get(address)
            assert answer.status_code == 200, answer
            found[name] = len(queries)
        for name, address in (("basket", "/basket/"), ("preview", "/checkout/preview/")):
            if name == "preview":
                client.post("/checkout/shipping-address/", ADDRESS)
                client.get("/checkout/shipping-method/")
            client.get(address)
            with captured() as queries:
                answer = client.get(address)
            assert answer.status_code == 200, answer
            found[name] = len(queries)
        with tasks(queue), captured() as queries:
            answer = client.post("/checkout/preview/", {"action": "place_order"})
        assert answer.status_code == 302 and "thank-you" in answer.url, answer
        self.said = said = [query["sql"] for query in queries]
        at = next(n for n, sql in enumerate(said) if sql.startswith('INSERT INTO "order_order"'))
        commit = next(n for n, sql in enumerate(said) if n > at and sql.startswith("COMMIT"))
        return found | {"order": commit + 1, "after": len(said) - commit - 1, "off": self.points.taken_off()}

    def together(self, *, discount: str, inside: bool = False) -> float:
        """
        Let sixteen customers order at once, each in a transaction with a tail; returns the seconds of all.

        `inside` is the broken twin: the use of the offer is counted in the transaction, as Oscar does.
        """
        gc.collect()
        return self.points.together(discount, inside=inside)

    def _ready(self, lines: int, *, new: bool, web: bool) -> Callable[[], None]:
        email = f"{next(self.numbers)}@example.com" if new else "member@example.com"
        user = self.shopping.a_person(email) if new else self.member
        prepare = self._through_the_checkout if web else self._through_the_creator
        return prepare(user, email, self.titles[:lines])

    def _through_the_creator(self, user: Any, email: str, titles: list[str]) -> Callable[[], None]:
        from oscar.core.loading import get_class

        basket = self.shopping.a_basket(user, dict.fromkeys(titles, 2))
        shipping = get_class("shipping.methods", "Free")()
        charge = shipping.calculate(basket)
        total = get_class("checkout.calculators", "OrderTotalCalculator")().calculate(basket, charge)
        number = get_class("order.utils", "OrderNumberGenerator")().order_number(basket)

        def place() -> None:
            get_class("order.utils", "OrderCreator")().place_order(
                basket=basket, total=total, shipping_method=shipping, shipping_charge=charge, user=user,
                order_number=number,
            )  # fmt: skip

        return place

    def _through_the_checkout(self, user: Any, email: str, titles: list[str]) -> Callable[[], None]:
        from oscar.core.loading import get_model

        get_model("basket", "Basket").objects.filter(owner=user, status="Open").delete()
        self.shopping.a_basket(user, dict.fromkeys(titles, 2))
        client = self.shopping.client_of(email)
        client.post("/checkout/shipping-address/", ADDRESS)
        client.get("/checkout/shipping-method/")
        client.get("/checkout/preview/")

        def place() -> None:
            answer = client.post("/checkout/preview/", {"action": "place_order"})
            assert answer.status_code == 302 and "thank-you" in answer.url, answer

        return place


def spent_on(client: Any, address: str, *, pages: int) -> float:
    """Return the CPU seconds of a page, got so many times after one that warms up."""
    client.get(address)
    gc.collect()
    begun = time.process_time()
    for _n in range(pages):
        client.get(address)
    return (time.process_time() - begun) / pages


def tasks(queue: bool) -> AbstractContextManager[Any]:
    """Where tasks go: to a queue that nobody empties, or inline as the settings say."""
    from django.test import override_settings

    return override_settings(LOYALTY_TASKS="nowhere") if queue else nullcontext()


@contextmanager
def captured():
    """The statements of a block, as Django tells them; the list is filled when the block ends."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    found: list[dict[str, str]] = []
    with CaptureQueriesContext(connection) as context:
        yield found
    found.extend(context.captured_queries)


def main() -> None:
    """Make the shop, say so, and answer until the input ends."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)  # The products have no pictures, and the thumbnails say so each time.
    settings.DATABASES["default"]["TEST"] = {"NAME": f"benchmark_{SHOP}"}
    settings.HAYSTACK_CONNECTIONS = {"default": {"ENGINE": "sandbox.search.TableEngine"}}
    settings.OSCAR_PRODUCTS_PER_PAGE = LISTED
    settings.LOYALTY_LOWEST_PRICE = True
    django.setup()
    # Not a test's environment: that copies what each template is told, which no shop does.
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False)
    try:
        shop = Shop(has_suite=SHOP == "with")
        print(json.dumps("ready"), flush=True)
        for line in sys.stdin:
            what, arguments = json.loads(line)
            print(json.dumps(getattr(shop, what)(**arguments), default=str), flush=True)
    finally:
        teardown_databases(made, verbosity=0)


if __name__ == "__main__":
    main()
