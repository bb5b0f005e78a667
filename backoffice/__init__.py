"""Where staff work: the admin site, its home and the customer page."""
