"""Campaigns: what brings members something besides buying, and each time that it did."""
