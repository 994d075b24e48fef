"""The REST API: what a member has, why, and points in the basket; one file per feature."""
