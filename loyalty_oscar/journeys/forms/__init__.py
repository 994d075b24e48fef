"""The forms of campaigns and of goals."""
