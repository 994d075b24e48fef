"""Floor 3: what orders bring. Rules with versions, awards with a snapshot, exact claw-back."""
