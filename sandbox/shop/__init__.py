"""Tumblepaw's looks (templates, style sheet, logo) and the command that fills the shop."""
