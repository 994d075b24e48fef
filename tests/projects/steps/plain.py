"""What things cost on their own pages, to a passer-by and to a customer."""

import re

from django.test import Client

from tests.projects.shopping import client_of, product

PRICE = re.compile(r"product_main.*?price_color[^>]*>\D*(\d+\.\d\d)", re.DOTALL)


def run() -> dict:
    walks = {"anonymous": Client(), "customer": client_of("customer@example.com")}
    pages = {
        f"{title} to {who}": client.get(product(title).get_absolute_url()).content.decode()
        for who, client in walks.items()
        for title in ("Bowl", "Lead", "Basket")
    }
    return {page: PRICE.findall(body) for page, body in pages.items()}
