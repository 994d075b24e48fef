"""A stock Oscar shop with the three edits and nothing else: it has no order statuses."""
