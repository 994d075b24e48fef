"""Long runs on PostgreSQL. Each prints its figures and exits 1 when one is not what was promised."""
