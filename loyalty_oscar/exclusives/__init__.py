"""Floor 3: exclusive sales. Who may see and buy what from when, at which price, and how many pieces there are."""
