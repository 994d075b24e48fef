"""Floor 1: the program, its members, units and product sets; settings, clock, outbox and the task port."""
