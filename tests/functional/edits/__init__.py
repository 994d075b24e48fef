"""Everything that staff do to an order, by every way there is, and what each feature says afterwards."""
