"""What the operator learns."""
