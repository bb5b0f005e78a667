"""What customers hold: plans, subscriptions, grants, the life cycle and the link."""
