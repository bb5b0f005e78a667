"""Where access lives: panels, desired access, observed accounts, the reconciler."""
