"""Floor 0: plain Python. Facts, decisions and arithmetic; no Django, no clock, no input or output."""
