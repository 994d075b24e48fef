"""The forms of what points pay for: limits, rewards, and what staff do with those of members."""
