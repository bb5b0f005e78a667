"""How dates and times are written in the admin, where Django writes them too long."""
