"""QR codes of links."""

from io import BytesIO

import qrcode
from qrcode.constants import ERROR_CORRECT_M

LEAST_PIXELS = 512
MARGIN_MODULES = 4  # the quiet zone that readers need: ISO/IEC 18004, 9.1


def png(text: str) -> bytes:
    """Return a PNG of at least 512 x 512 pixels that reads as `text`, error correction M (15 %)."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=MARGIN_MODULES)
    code.add_data(text)
    code.make(fit=True)
    code.box_size = -(-LEAST_PIXELS // (code.modules_count + 2 * MARGIN_MODULES))
    picture = BytesIO()
    code.make_image().save(picture, format="PNG", optimize=True)
    return picture.getvalue()
