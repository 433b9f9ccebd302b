"""Turn pictures into vectors."""
