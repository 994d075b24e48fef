"""
Random lives of a small shop, and an oracle that knows nothing of the product but says what must stand on each account.

`shop` makes the shop once, `start` what one life begins with, `steps` is what can happen, `drawing` draws lives from a
seed, `oracle` says what is right, `seen` reads what the product says, `play` brings them together and makes a life that
fails as short as it can be.
"""
