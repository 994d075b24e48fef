"""Oscar's checkout with a card that can be declined: one method differs, nothing else."""
