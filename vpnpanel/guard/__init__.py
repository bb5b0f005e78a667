"""The contract test of a panel: its steps, and the words for what it found. `services.guard` runs it."""
