"""The picture of the last days' traffic, and the screen that shows it."""

from datetime import date, timedelta
from io import BytesIO

import pytest
from PIL import Image

from core import clock
from telegram_bot import chart, screens
from telegram_bot.screens import Shown
from tests.factories import make_customer, make_subscription
from vpnpanel.services import usage

LAST = date(2026, 3, 31)
GIB = 2**30


def picture(*sizes: int) -> Image.Image:
    days = [(LAST - timedelta(days=len(sizes) - 1 - n), size) for n, size in enumerate(sizes)]
    return Image.open(BytesIO(chart.png(days))).convert("RGB")


def height_of_bar(image: Image.Image, number: int, of: int) -> int:
    """Return how many pixels of a day's column are blue."""
    room = (chart.WIDTH - chart.LEFT - chart.RIGHT) / of
    x = round(chart.LEFT + room * (number + 0.5))
    column = (image.getpixel((x, y)) for y in range(chart.TOP, chart.HEIGHT - chart.BOTTOM))
    return sum(pixel[2] > 200 and pixel[0] < 100 for pixel in column)


def test_bars_are_as_high_as_their_days_traffic():
    image = picture(0, GIB, 2 * GIB, 4 * GIB)
    heights = [height_of_bar(image, number, 4) for number in range(4)]
    assert image.size == (chart.WIDTH, chart.HEIGHT)
    assert heights[0] == 0 and heights[3] > 380
    assert [round(heights[3] / height, 1) for height in heights[1:]] == [4, 2, 1]


def test_a_little_traffic_is_seen_beside_much():
    assert height_of_bar(picture(1, 900 * GIB), 0, 2) >= 3


@pytest.mark.parametrize(
    ("most", "step"), [(0, 0.001), (0.003, 0.001), (1, 0.25), (5.9, 2), (8.1, 2.5), (100, 25), (900, 250)]
)
def test_scale_is_of_round_numbers(most, step):
    assert chart.scale_step(most) == pytest.approx(step)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "words"), [("en", "All together: 3.5 GB"), ("ru", "Всего: 3,5 ГБ")], ids=["en", "ru"]
)
def test_screen_says_below_the_picture_what_it_sums_up(language, words):
    customer = make_customer(language=language)
    subscription = make_subscription(customer)
    for age, size in ((0, GIB), (29, 5 * GIB // 2), (30, 8 * GIB)):
        usage.note_growth({subscription.access_id: size}, at=clock.now() - timedelta(days=age))
    shown = screens.render(customer, Shown("traffic"))
    assert words in shown.text and shown.photo
    assert [button.action for row in shown.buttons for button in row] == ["profile", "menu"]


@pytest.mark.django_db
def test_no_traffic_is_said_without_a_picture():
    subscription = make_subscription()
    shown = screens.render(subscription.user, Shown("traffic"))
    assert "No traffic" in shown.text and shown.photo is None


@pytest.mark.django_db
def test_others_traffic_is_not_shown():
    usage.note_growth({make_subscription().access_id: GIB}, at=clock.now())
    assert screens.render(make_subscription().user, Shown("traffic")).photo is None


@pytest.mark.django_db
def test_traffic_is_reached_from_the_profile_of_whoever_has_a_subscription():
    def actions(customer) -> list[str]:
        shown = screens.render(customer, Shown("profile"))
        return [button.action for row in shown.buttons for button in row]

    assert "traffic" in actions(make_subscription().user)
    assert "traffic" not in actions(make_customer())


@pytest.mark.django_db
def test_screen_costs_the_same_however_many_days_there_are(django_assert_num_queries):
    subscription = make_subscription()
    for age in range(30):
        usage.note_growth({subscription.access_id: GIB}, at=clock.now() - timedelta(days=age))
    with django_assert_num_queries(4):
        screens.render(subscription.user, Shown("traffic"))
