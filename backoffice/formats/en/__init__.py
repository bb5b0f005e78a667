"""English: the 24-hour clock, day before month."""
