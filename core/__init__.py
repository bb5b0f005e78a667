"""What every room shares: errors, outside calls, secrets, claims, jobs, time."""
