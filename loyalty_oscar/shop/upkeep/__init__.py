"""What keeps the suite in order: jobs, setup, checks, the doctor, and leaving."""
