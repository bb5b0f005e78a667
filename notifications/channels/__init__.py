"""Ways a message can go. A new one is one file and one entry here."""
