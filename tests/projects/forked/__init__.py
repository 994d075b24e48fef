"""
A store that has forked seven of Oscar's apps and gone its own way wherever Oscar lets it.

Its people have a UUID and no first name, its addresses a language in front, its statuses names of its own, its
requests run in transactions, its own Selector adds VAT, its own class loader numbers the orders, and its own copies of
the navigation and of the basket shadow ours.
"""
