"""Items and their pictures."""
