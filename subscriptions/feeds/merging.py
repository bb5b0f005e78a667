"""One list of servers out of what several panels serve: each once, each with a name of its own."""

from collections.abc import Iterable, Iterator

from subscriptions.status import Source
from vpnpanel.nodes import Node
from vpnpanel.sharelinks import read_or_opaque, renamed

LONGEST_NAME = 30  # Happ cuts there


def merged(sources: Iterable[Source], reserved: Iterable[str] = ()) -> list[Node]:
    """Return the servers in the panels' order, under unlike names, none of them `reserved`.

    A panel that has a location lends it to its servers: what the panel itself calls them is for its staff.
    The first of a name has it alone and the others are numbered, so that one more server renames none.
    """
    taken = set(reserved)
    nodes = []
    for node, name in _unlike(sources):
        free = next(each for each in _numbered(name) if each not in taken)
        taken.add(free)
        nodes.append(renamed(node, free) if free != node.name else node)
    return nodes


def _unlike(sources: Iterable[Source]) -> Iterator[tuple[Node, str]]:
    seen = set()
    for source in sources:
        for link in source.links:
            node = read_or_opaque(link)
            if node.identity not in seen:
                seen.add(node.identity)
                yield node, source.location.strip() or node.name.strip() or node.host or node.scheme


def _numbered(name: str) -> Iterator[str]:
    yield name[:LONGEST_NAME].rstrip()
    number = 2
    while True:
        yield f"{name[: LONGEST_NAME - len(str(number)) - 1].rstrip()} {number}"
        number += 1
