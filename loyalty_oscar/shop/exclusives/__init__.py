"""Exclusive sales in the shop; the one place on this floor that knows the feature."""
