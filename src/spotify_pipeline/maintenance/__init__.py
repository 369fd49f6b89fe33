"""What is removed: by age, for a user, and how that is told."""
