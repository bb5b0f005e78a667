"""A picture of the traffic of the last days, drawn to be read on a phone.

On it stand digits only: they are in Pillow's own font, so no font has to be installed, and the words stand
below the picture, in the customer's language.
"""

from collections.abc import Sequence
from datetime import date
from io import BytesIO

from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 900, 480
LEFT, TOP, RIGHT, BOTTOM = 84, 28, 24, 56
PAPER, LINE, INK, BAR, TODAY = "#ffffff", "#e3e7ee", "#5b6472", "#3b82f6", "#1d4ed8"
FONT_PIXELS = 24
LABEL_EVERY = 5  # days
STEPS = (1, 2, 2.5, 5, 10)
GIB = 2**30


def png(days: Sequence[tuple[date, int]]) -> bytes:
    """Return a PNG with one bar a day, the last one darker; the scale is in GiB. Sizes in bytes."""
    picture = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(FONT_PIXELS)
    step = scale_step(max(size for _, size in days) / GIB)
    floor = HEIGHT - BOTTOM
    per_gib = (floor - TOP) / (step * 4)
    for number in range(5):
        y = floor - number * step * per_gib
        draw.line((LEFT, y, WIDTH - RIGHT, y), fill=LINE, width=2)
        draw.text((LEFT - 12, y), f"{number * step:.3g}", fill=INK, font=font, anchor="rm")
    room = (WIDTH - LEFT - RIGHT) / len(days)
    for number, (day, size) in enumerate(days):
        x, height = LEFT + room * number, size / GIB * per_gib
        is_last = number == len(days) - 1
        if size:  # a day with little traffic is still seen to have some
            top = floor - max(height, 3)
            draw.rounded_rectangle(
                (x + room * 0.15, top, x + room * 0.85, floor), 4, TODAY if is_last else BAR
            )
        if (len(days) - 1 - number) % LABEL_EVERY == 0:
            draw.text((x + room / 2, floor + 12), f"{day:%d.%m}", fill=INK, font=font, anchor="mt")
    file = BytesIO()
    picture.save(file, format="PNG", optimize=True)
    return file.getvalue()


def scale_step(most: float) -> float:
    """Return the round number of which four reach up to `most`."""
    size = 0.001
    while True:
        for step in STEPS:
            if size * step * 4 >= most:
                return size * step
        size *= 10
