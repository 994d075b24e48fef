"""Orders: Oscar's rows as facts, kept in step with what they should have brought."""
