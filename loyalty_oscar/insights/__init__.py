"""Floor 4: figures for those who look after the money, from roll-ups that are compared with the accounts each night."""
