"""QR codes of links."""

from dataclasses import dataclass
from io import BytesIO
from itertools import groupby
from typing import Any

import qrcode
from qrcode.constants import ERROR_CORRECT_M

LEAST_PIXELS = 512
MARGIN_MODULES = 4  # the quiet zone that readers need: ISO/IEC 18004, 9.1


@dataclass(frozen=True)
class Drawing:
    """A code for a page: `side` in modules, quiet zone included, and the path of its dark modules."""

    side: int
    path: str


def png(text: str) -> bytes:
    """Return a PNG of at least 512 x 512 pixels that reads as `text`, error correction M (15 %)."""
    code = _code(text)
    code.box_size = -(-LEAST_PIXELS // (code.modules_count + 2 * MARGIN_MODULES))
    picture = BytesIO()
    code.make_image().save(picture, format="PNG", optimize=True)
    return picture.getvalue()


def drawing(text: str) -> Drawing:
    """Return the same code as lines of an SVG, to stand inside a page."""
    rows = _code(text).get_matrix()
    runs = [
        f"M{column} {row}h{length}v1h-{length}z"
        for row, modules in enumerate(rows)
        for column, length in _dark_runs(modules)
    ]
    return Drawing(len(rows), "".join(runs))


def _dark_runs(modules: list[bool]) -> list[tuple[int, int]]:
    runs, column = [], 0
    for is_dark, group in groupby(modules):
        length = len(list(group))
        if is_dark:
            runs.append((column, length))
        column += length
    return runs


def _code(text: str) -> Any:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=MARGIN_MODULES)
    code.add_data(text)
    code.make(fit=True)
    return code
