"""Tumblepaw, a demo shop for dogs, cats and small pets: stock Oscar with the loyalty suite on top."""
