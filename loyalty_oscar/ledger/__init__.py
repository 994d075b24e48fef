"""Floor 2: the ledger. Accounts, entries, lots and holds; `operations` is the only writer of points."""
