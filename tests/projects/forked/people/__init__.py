"""The people of this store."""
