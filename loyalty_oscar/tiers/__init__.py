"""Floor 3: levels of a program. A ladder, what counts on it, where each member stands, and how that came about."""
