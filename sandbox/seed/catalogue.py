"""The catalogue: as plain data, and as Oscar's rows with pictures, ranges, an offer and a voucher."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.text import slugify
from oscar.apps.catalogue.categories import create_from_breadcrumbs
from oscar.core.loading import get_model

DATA = Path(__file__).parent / "data" / "catalogue.toml"
ATTRIBUTES = {"pet": "Pet", "material": "Material", "size": "Size", "weight": "Weight"}
VOUCHER = "LATE-4T9R"


@dataclass(frozen=True, kw_only=True)
class Article:
    """Something with a price: a product without variants, or one variant. What is `secret` stands in no list."""

    upc: str
    price: Decimal
    stock: int
    category: str
    product_class: str
    size: str = ""
    secret: bool = False


@cache
def data() -> dict[str, Any]:
    """The file as it stands."""
    return tomllib.loads(DATA.read_text(encoding="utf-8"))


@cache
def articles() -> tuple[Article, ...]:
    """All that can be bought, in the order of the file."""
    return tuple(article for row in data()["product"] for article in articles_of(row))


def articles_of(row: dict[str, Any]) -> Iterator[Article]:
    """The article of a product, or those of its variants (numbered from 1)."""
    variants = row.get("variants")
    for number, part in enumerate(variants or [row], start=1):
        yield Article(
            upc=f"{row['upc']}-{number}" if variants else row["upc"],
            price=Decimal(part["price"]),
            stock=part["stock"],
            category=row["category"],
            product_class=row["class"],
            size=part["size"] if variants else "",
            secret=row.get("secret", False),
        )


def load(*, at: datetime) -> None:
    """
    Make or renew all rows of the catalogue; `at` is when the shop opened its doors.

    Lists show the newest first, so products are dated in the order of the file.
    """
    classes = {name: _product_class(name) for name in data()["classes"]}
    categories = {path: _category(path, text) for path, text in data()["categories"].items()}
    partner, _ = get_model("partner", "Partner").objects.get_or_create(code="tumblepaw", defaults={"name": "Tumblepaw"})
    for position, row in enumerate(data()["product"]):
        product = _product(row, classes[row["class"]])
        _date(product, at - timedelta(minutes=position))
        product.categories.set([categories[row["category"]]])
        for number, article in enumerate(articles_of(row)):
            sold = _variant(product, article) if article.size else product
            _date(sold, at - timedelta(minutes=position, seconds=number))
            sold.stockrecords.update_or_create(
                partner=partner,
                partner_sku=article.upc,
                defaults={"price": article.price, "price_currency": "EUR", "num_in_stock": article.stock},
            )
    ranges = {
        slug: _range(slug, name, [categories[path] for path in paths])
        for slug, (name, *paths) in data()["ranges"].items()
    }
    _toy_spring(ranges["toys"])
    _late_parcel(at)


def missing_pictures() -> list[dict[str, Any]]:
    """Return what `pictures.draw` is to draw: the pictures that are missing on disk."""
    wanted = {"missing": "tag deep none", **{row["upc"]: row["picture"] for row in data()["product"]}}
    missing = {name: path for name in wanted if not (path := Path(settings.MEDIA_ROOT, picture(name))).exists()}
    parts = ("motif", "coat", "emblem")
    return [dict(zip(parts, wanted[name].split(), strict=True)) | {"path": path} for name, path in missing.items()]


def picture(name: str) -> str:
    """Return where a product's picture lies among the uploaded ones."""
    return f"images/products/tumblepaw/{name}.png"


def _product_class(name: str) -> Any:
    row, _ = get_model("catalogue", "ProductClass").objects.get_or_create(name=name)
    for code, label in ATTRIBUTES.items():
        row.attributes.get_or_create(code=code, defaults={"name": label, "type": "text"})
    return row


def _category(path: str, text: str) -> Any:
    category = create_from_breadcrumbs(path)
    category.description = text
    category.save()
    return category


def _product(row: dict[str, Any], product_class: Any) -> Any:
    product_model = get_model("catalogue", "Product")
    product, _ = product_model.objects.update_or_create(
        upc=row["upc"],
        defaults={
            "structure": product_model.PARENT if row.get("variants") else product_model.STANDALONE,
            "title": row["title"],
            "slug": slugify(row["title"])[:80].strip("-"),
            "description": row["text"],
            "product_class": product_class,
            "is_public": not row.get("secret", False),
        },
    )
    for code, value in row["attributes"].items():
        setattr(product.attr, code, value)
    product.save()
    product.images.get_or_create(original=picture(product.upc))
    return product


def _date(product: Any, at: datetime) -> None:
    type(product).objects.filter(pk=product.pk).update(date_created=at)


def _variant(parent: Any, article: Article) -> Any:
    product_model = get_model("catalogue", "Product")
    child, _ = product_model.objects.update_or_create(
        upc=article.upc,
        defaults={
            "structure": product_model.CHILD,
            "parent": parent,
            "title": f"{parent.title}, {article.size}",
            "slug": slugify(f"{parent.title} {article.size}"),
        },
    )
    child.attr.size = article.size
    child.save()
    return child


def _range(slug: str, name: str, categories: list[Any]) -> Any:
    row, _ = get_model("offer", "Range").objects.get_or_create(slug=slug, defaults={"name": name})
    row.included_categories.set(categories)
    return row


def _toy_spring(toys: Any) -> None:
    condition, benefit = get_model("offer", "Condition"), get_model("offer", "Benefit")
    _offer(
        "toy-spring",
        "Toy spring: two toys, 20 % off",
        condition.objects.get_or_create(range=toys, type=condition.COUNT, value=2)[0],
        benefit.objects.get_or_create(range=toys, type=benefit.PERCENTAGE, value=20)[0],
        description="Two toys or more, for whomever they are: 20 % off each of them.",
        priority=1,  # Before vouchers, which take what exclusive offers leave.
    )


def _late_parcel(at: datetime) -> None:
    condition, benefit = get_model("offer", "Condition"), get_model("offer", "Benefit")
    everything, _ = get_model("offer", "Range").objects.get_or_create(
        slug="everything", defaults={"name": "Everything", "includes_all_products": True}
    )
    offer = _offer(
        "late-parcel",
        "Sorry for the late parcel",
        condition.objects.get_or_create(range=everything, type=condition.COUNT, value=1)[0],
        benefit.objects.get_or_create(range=everything, type=benefit.FIXED, value=3)[0],
        offer_type=get_model("offer", "ConditionalOffer").VOUCHER,
    )
    voucher, _ = get_model("voucher", "Voucher").objects.get_or_create(
        code=VOUCHER,
        defaults={
            "name": offer.name,
            "usage": "Once per customer",
            "start_datetime": at,
            "end_datetime": at + timedelta(days=5 * 365),
        },
    )
    voucher.offers.add(offer)


def _offer(slug: str, name: str, condition: Any, benefit: Any, **fields: Any) -> Any:
    return get_model("offer", "ConditionalOffer").objects.get_or_create(
        slug=slug, defaults={"name": name, "condition": condition, "benefit": benefit, **fields}
    )[0]
