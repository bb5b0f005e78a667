"""What customers are told, as it would be sent now."""

import re
import uuid
from io import BytesIO

import pytest
import zxingcpp
from PIL import Image

from notifications import services as notifications
from notifications.kinds import KINDS, Rendered
from notifications.models import OutboxMessage
from subscriptions import qr, services
from subscriptions.models import Plan
from tests.factories import let_pass, make_customer, make_subscription, serve
from vpnpanel.models import Access

pytestmark = pytest.mark.django_db

TAGS = re.compile(r"</?(b|code)>")


def rendered(kind: str) -> Rendered | None:
    return notifications.render(OutboxMessage.objects.filter(kind=kind).latest("id"))


def ready(subscription) -> Rendered | None:
    """The message that the reconciler asks for once access works."""
    notifications.tell(
        subscription.user,
        "access_ready",
        dedupe_key=f"access_ready:{subscription.pk}",
        context={"access_id": subscription.access_id},
    )
    return rendered("access_ready")


def actions(message: Rendered) -> list[str]:
    return [button.action for row in message.buttons for button in row if button.action]


def test_key_comes_as_text_as_picture_and_on_a_button():
    subscription = make_subscription()
    serve(subscription)
    message = ready(subscription)
    assert f"<code>{subscription.link}</code>" in message.text
    assert zxingcpp.read_barcodes(Image.open(BytesIO(message.photo)))[0].text == subscription.link
    assert [button.copy for row in message.buttons for button in row if button.copy] == [subscription.link]
    assert actions(message) == ["connect", "menu"]


def test_key_is_not_announced_while_it_does_not_work():
    subscription = make_subscription()
    assert ready(subscription) is None
    serve(subscription)
    assert rendered("access_ready") is not None
    services.disable(subscription.pk, reason="fraud", actor="olga")
    assert rendered("access_ready") is None


def test_new_link_is_told_unless_a_newer_one_exists():
    subscription = make_subscription()
    first = services.rotate_link(subscription.pk, actor="olga")
    assert first.link in rendered("link_rotated").text
    old = OutboxMessage.objects.latest("id")
    second = services.rotate_link(subscription.pk, actor="olga")
    assert notifications.render(old) is None
    assert second.link in rendered("link_rotated").text


def extend(subscription):
    services.extend_by_staff(subscription.pk, days=3, reason="outage", form_uuid=uuid.uuid4(), actor="olga")


def end(subscription):
    let_pass(subscription, days=30)
    services.expire_due()


def near_the_end(subscription):
    let_pass(subscription, days=6.5)
    services.remind_due()


def disable(subscription):
    services.disable(subscription.pk, reason="<fraud>", actor="olga")


def enable(subscription):
    disable(subscription)
    services.enable(subscription.pk, actor="olga")


def ban(subscription):
    services.ban_customer(subscription.user_id, reason="<spam>", actor="olga")


def unban(subscription):
    ban(subscription)
    services.unban_customer(subscription.user_id, actor="olga")


def use(subscription, share):
    Access.objects.update(traffic_limit=1000 * 2**30)
    serve(subscription, used_bytes=int(share * 1000 * 2**30))
    services.tell_near_limit()


def use_most(subscription):
    use(subscription, 0.85)


def use_all(subscription):
    use(subscription, 1)


def add_traffic(subscription):
    services.give(subscription.pk, source="staff:1", seconds=0, traffic=2**40, actor="olga")


def set_limit(subscription):
    services.change_limit(subscription.pk, limit=5 * 2**30, reason="<abuse>", actor="olga")


def lift_limit(subscription):
    services.change_limit(subscription.pk, limit=None, reason="<abuse>", actor="olga")


TOLD = [
    ("traffic_80", use_most, add_traffic),
    ("traffic_80", use_most, ban),
    ("traffic_80", use_most, use_all),
    ("traffic_100", use_all, add_traffic),
    ("traffic_100", use_all, end),
    ("limit_changed", set_limit, lift_limit),
    ("subscription_extended", extend, end),
    ("subscription_ending", near_the_end, extend),
    ("subscription_expired", end, extend),
    ("subscription_disabled", disable, enable),
    ("subscription_enabled", enable, disable),
    ("subscription_enabled", enable, end),
    ("subscription_enabled", enable, ban),
    ("customer_banned", ban, unban),
    ("customer_unbanned", unban, ban),
]


@pytest.mark.parametrize(("kind", "happens", "undoes"), TOLD)
def test_message_is_sent_only_while_it_is_true(kind, happens, undoes):
    subscription = make_subscription()
    happens(subscription)
    message = OutboxMessage.objects.filter(kind=kind)
    assert "<" not in TAGS.sub("", notifications.render(message.get()).text)
    first = message.get()
    undoes(subscription)
    assert notifications.render(first) is None


# In test_outages.py and test_unconnected.py, beside what leads to them.
COVERED_ELSEWHERE = {
    "outage_told",
    "outage_over",
    "outage_credited",
    "outage_credit_undone",
    "never_connected",
}


def test_every_kind_of_this_room_is_covered():
    ours = {name for name, kind in KINDS.items() if "subscriptions" in kind.render.__module__}
    assert ours == {kind for kind, _, _ in TOLD} | {"access_ready", "link_rotated"} | COVERED_ELSEWHERE


@pytest.mark.parametrize("happens", [disable, ban])
def test_reasons_of_staff_stay_with_staff(happens):
    happens(make_subscription())
    message = notifications.render(OutboxMessage.objects.latest("id"))
    assert "fraud" not in message.text and "spam" not in message.text


def test_names_from_the_admin_cannot_break_the_markup():
    Plan.objects.filter(code="trial").update(name_en="<b>Free & easy")
    subscription = make_subscription()
    serve(subscription)
    assert "&lt;b&gt;Free &amp; easy" in ready(subscription).text


def test_support_contact_stands_in_the_message(settings):
    settings.SUPPORT_CONTACT = "@help <now>"
    ban(make_subscription())
    assert "@help &lt;now&gt;" in rendered("customer_banned").text


def test_times_name_their_zone_and_plans_their_customers_language(settings):
    subscription = make_subscription(make_customer(language="ru"))
    serve(subscription)
    text = ready(subscription).text
    assert "Пробный, 7 дней" in text and "UTC" in text


@pytest.mark.parametrize("text", ["https://vpn.example.com/s/" + "x" * 32, "a", "x" * 600])
def test_qr_code_reads_back_and_is_large_enough(text):
    picture = Image.open(BytesIO(qr.png(text)))
    found = zxingcpp.read_barcodes(picture)
    assert [code.text for code in found] == [text]
    assert picture.format == "PNG" and min(picture.size) >= 512


def test_qr_code_has_level_m_and_a_margin_of_four_modules():
    picture = Image.open(BytesIO(qr.png("https://vpn.example.com/s/" + "x" * 32))).convert("L")
    code = zxingcpp.read_barcodes(picture)[0]
    modules = 17 + 4 * int(code.extra["Version"])
    module = picture.width // (modules + 8)
    ink = picture.point(lambda shade: 255 - shade).getbbox()
    assert code.ec_level == "M"
    assert ink == (4 * module, 4 * module, picture.width - 4 * module, picture.height - 4 * module)
