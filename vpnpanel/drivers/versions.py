"""Which versions of panels the drivers were made for; with others they may work, but nobody has looked."""

import re

Version = tuple[int, ...]

# By kind: from the first to the last, both included; a last one of two numbers stands for all that begin so.
# What was tried and what was only read is said in the operator's guide.
VERIFIED: dict[str, tuple[tuple[Version, Version], ...]] = {
    "marzban": (((0, 8, 0), (0, 8)),),
    "xui": (((2, 6), (2, 9, 4)), ((3, 2, 5), (3, 6, 0))),
}


def is_verified(kind: str, version: str) -> bool:
    """Tell whether the driver was made for this version; one that cannot be read was not.

    A driver that can only narrow it down says from which to which: 2.7-2.9.
    """
    if not re.fullmatch(r"v?\d+(\.\d+)*(-\d+(\.\d+)*)?", version):
        return False
    ends = [tuple(int(number) for number in end.split(".")) for end in version.lstrip("v").split("-")]
    return any(
        first <= min(ends) and max(ends)[: len(last)] <= last for first, last in VERIFIED.get(kind, ())
    )
