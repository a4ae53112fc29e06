"""What a run tells people while it runs."""
