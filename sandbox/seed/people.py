"""People of the demo shop: as plain data, and as Oscar's users with an address book."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.utils.text import slugify
from oscar.core.loading import get_model

DATA = Path(__file__).parent / "data" / "people.toml"
COUNTRIES = {"DE": "Germany", "AT": "Austria", "IT": "Italy", "PL": "Poland"}
ALPHA_3 = {"DE": "DEU", "AT": "AUT", "IT": "ITA", "PL": "POL"}


@dataclass(frozen=True, kw_only=True)
class Person:
    """
    Somebody who shops. `address` is street, postcode, town, country; `orders` is a number, or the demo's list.

    `year` is "this" where the orders count for this calendar year whatever day it is, "one" where they must count
    for one year together. `invited` says by whom and how many days ago somebody came by a friend's link. `ready` are
    the paws that an old paper card makes up to, `basket` what lies there today: articles and how
    many, a voucher's `code`, and the paws that are set `aside` for it.
    """

    email: str
    first_name: str
    last_name: str
    address: tuple[str, str, str, str]
    pets: tuple[str, ...] = ()
    orders: int | tuple[dict[str, Any], ...] = 0
    sees: str = ""
    year: str = ""
    invited: Mapping[str, Any] = field(default_factory=dict)
    ready: int = 0
    basket: Mapping[str, int] = field(default_factory=dict)
    code: str = ""
    aside: int = 0
    guest: bool = False
    staff: bool = False
    superuser: bool = False


@cache
def password() -> str:
    """The one password of all demo people."""
    return _data()["password"]


@cache
def demo() -> tuple[Person, ...]:
    """The people one can log in as, in the order in which the login page shows them."""
    return tuple(map(_person, _data()["demo"]))


@cache
def friends() -> tuple[Person, ...]:
    """Who came by a friend's link and cannot log in."""
    return tuple(map(_person, _data()["friends"]))


def _person(row: dict[str, Any]) -> Person:
    return Person(**{**row, "address": tuple(row["address"]), "orders": tuple(row["orders"])})


@cache
def everybody() -> tuple[Person, ...]:
    """Demo people, their friends, customers and guests."""
    lists = _data()["customers"]
    rows = [(row, False) for row in lists["rows"]] + [(row, True) for row in lists["guests"]]
    return (
        demo()
        + friends()
        + tuple(
            Person(
                email=f"{slugify(f'{row[0]} {row[1]}')[:24].strip('-') or 'customer'}.{number}@mail.example",
                first_name=row[0],
                last_name=row[1],
                address=tuple(row[2:6]),
                pets=tuple(row[6].split()),
                orders=row[7],
                guest=guest,
            )
            for number, (row, guest) in enumerate(rows, start=1)
        )
    )


def load(*, people: Iterable[Person], joined: Mapping[str, datetime], at: datetime) -> None:
    """Make users and addresses for all who are not guests; `joined` says since when, else `at`."""
    _load_countries()
    user_model, user_address = get_user_model(), get_model("address", "UserAddress")
    hashed = make_password(password())  # Once: hashing is slow on purpose.
    for person in people:
        if person.guest:
            continue
        user, _ = user_model.objects.update_or_create(
            username=person.email,
            defaults={
                "email": person.email,
                "first_name": person.first_name,
                "last_name": person.last_name,
                "is_staff": person.staff,
                "is_superuser": person.superuser,
                "password": hashed if person.sees else make_password(None),
                "date_joined": joined.get(person.email, at),
            },
        )
        user_address.objects.update_or_create(
            user=user, defaults={**address_fields(person), "is_default_for_shipping": True}
        )


def address_fields(person: Person) -> dict[str, str]:
    """Fields of an Oscar address, of the address book and of an order alike."""
    line1, postcode, town, country = person.address
    return {
        "first_name": person.first_name,
        "last_name": person.last_name,
        "line1": line1,
        "line4": town,
        "postcode": postcode,
        "country_id": country,
    }


def _load_countries() -> None:
    country = get_model("address", "Country")
    for code, name in COUNTRIES.items():
        country.objects.update_or_create(
            iso_3166_1_a2=code,
            defaults={
                "name": name,
                "printable_name": name,
                "iso_3166_1_a3": ALPHA_3[code],
                "is_shipping_country": True,
                "display_order": 9 - list(COUNTRIES).index(code),
            },
        )


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(DATA.read_text(encoding="utf-8"))
