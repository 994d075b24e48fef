"""The demo shop's contents: a catalogue with pictures, people, and eighteen months of orders up to today."""
