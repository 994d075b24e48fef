"""Floor 3: using points. What they may pay for, what is set aside for a basket, and the exact way back."""
