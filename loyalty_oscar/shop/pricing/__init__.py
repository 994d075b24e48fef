"""Prices: who pays less, how it is told, and what was paid before."""
