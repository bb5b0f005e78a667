"""What developers and operators run from the command line."""
