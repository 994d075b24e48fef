"""What every page of the customer shares."""
