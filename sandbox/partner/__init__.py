"""Oscar's partner app with German prices: one strategy differs, nothing else."""
