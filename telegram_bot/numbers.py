"""Numbers in the arguments of buttons and commands, which anybody can forge."""

LONGEST = 18  # digits that every database takes for a key


def number_in(text: str) -> int | None:
    """Return the row's number that `text` is, None for anything else."""
    if not (text.isascii() and text.isdecimal() and len(text) <= LONGEST):
        return None
    return int(text)
