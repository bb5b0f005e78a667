"""Who: customers and staff, their language, bans, and the trail of what was done."""
