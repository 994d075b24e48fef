"""Floor 1: the program, its members, units and product sets; events, settings, clock and the task port."""
