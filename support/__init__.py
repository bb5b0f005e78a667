"""What customers ask."""
