"""Text from outside, made fit for the database."""


def storable(text: str) -> str:
    """Replace what PostgreSQL takes in no text: NUL, and halves of characters (lone surrogates)."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
