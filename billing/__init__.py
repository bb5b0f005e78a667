"""How customers pay: prices of plans."""
