"""One page with everything about one customer."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import reverse

from accounts.services import note
from notifications.models import OutboxMessage
from subscriptions.services import ban_customer, disable, take_back
from tests.backoffice.conftest import allow, live, order_of, payment_of
from tests.factories import let_pass, make_customer, make_staff, make_subscription, serve
from vpnpanel.models import Access, PanelAccount

pytestmark = pytest.mark.django_db


def page_of(client, customer, query: str = ""):
    return client.get(reverse("admin:accounts_user_change", args=[customer.pk]) + query)


def standing(client, life) -> str:
    return page_of(client, life.customer).context["cards"][0].standing.word


def test_the_page_joins_what_all_rooms_know(client, staff, life):
    page = page_of(client, life.customer)
    shown = page.content.decode()
    account = PanelAccount.objects.get(access=life.subscription.access)
    for expected in (
        account.name,
        account.panel.name,
        life.subscription.link,
        "Boris",
        "Took the trial",
        "/start",
    ):
        assert expected in shown


def test_the_page_costs_the_same_however_much_happened(client, staff, life, queries):
    def cost() -> int:
        cache.clear()  # the side bar's figures would run out at a moment of chance
        with queries() as seen:
            page_of(client, life.customer)
        return len(seen)

    cost()
    few = cost()
    for number in range(20):
        note(life.customer, "customer.wrote", actor="customer", data={"n": number})
        live(inviter=life.customer)
        serve(life.subscription)
        payment_of(order_of(life.customer, life.subscription), life.sale.account)
    assert cost() == few


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda life: None, "Works"),
        (lambda life: let_pass(life.subscription, days=30), "Expired"),
        (lambda life: disable(life.subscription.pk, reason="x", actor="olga"), "Disabled"),
        (lambda life: ban_customer(life.customer.pk, reason="x", actor="olga"), "Banned"),
        (lambda life: PanelAccount.objects.update(placement="joining"), "Being activated"),
    ],
)
def test_a_subscription_says_in_one_word_where_it_stands(client, staff, life, change, word):
    change(life)
    assert standing(client, life) == word


def test_an_account_that_is_not_as_wanted_is_marked(client, staff, life):
    account = PanelAccount.objects.get(access=life.subscription.access)
    account.observed_at, account.observed_until = life.customer.joined_at, life.subscription.access.until
    account.save()
    (before,) = page_of(client, life.customer).context["cards"][0].placements
    Access.objects.update(until=life.subscription.expires_at + timedelta(days=1))
    (after,) = page_of(client, life.customer).context["cards"][0].placements
    assert (before.differs, after.differs) == ("", "end")


def test_traffic_used_on_another_panel_makes_no_limit_differ(client, staff, life):
    """A panel's own limit is what was used there and what remains of the whole allowance."""
    access = life.subscription.access
    account = PanelAccount.objects.get(access=access)
    Access.objects.update(traffic_limit=1000)
    PanelAccount.objects.update(
        observed_at=life.customer.joined_at, observed_until=access.until, observed_limit=700, counter=100,
        used_bytes=100,
    )  # fmt: skip
    PanelAccount.objects.create(
        access=access, panel=account.panel, name="before", placement="gone", used_bytes=300
    )
    shown = page_of(client, life.customer).context["cards"][0].placements
    PanelAccount.objects.filter(pk=account.pk).update(observed_limit=1000)
    later = page_of(client, life.customer).context["cards"][0].placements
    differs = [each.differs for each in (*shown, *later) if each.account.pk == account.pk]
    assert differs == ["", "traffic limit"]


def test_a_customer_without_anything_has_a_page(client, staff):
    page = page_of(client, make_customer())
    assert page.context["cards"] == []
    assert "No subscription yet" in page.content.decode()


def test_acts_stand_where_they_apply(client, staff, life):
    names = {button.act.name for button in page_of(client, life.customer).context["cards"][0].buttons}
    assert names == {"extend", "reconcile", "rotate-link", "limit", "disable"}


def test_without_rights_the_page_has_no_acts_and_no_link(client, helper, life):
    allow(helper, "view_user", "view_subscription")
    page = page_of(client, life.customer)
    assert page.context["buttons"] == page.context["cards"][0].buttons == []
    assert life.subscription.token not in page.content.decode()


def test_what_one_may_not_see_is_not_on_the_page(client, helper, life):
    allow(helper, "view_user")
    page = page_of(client, life.customer)
    assert page.context["cards"] is None
    kinds = {type(entry.row).__name__ for entry in page.context["timeline"].entries}
    assert kinds == {"AuditEvent"}


def test_a_failed_message_can_be_sent_again_from_the_timeline(client, staff):
    life = live(state=OutboxMessage.State.FAILED)
    entries = page_of(client, life.customer).context["timeline"].entries
    (failed,) = [entry for entry in entries if entry.row == life.message]
    assert [button.act.name for button in failed.buttons] == ["send-again"]


def test_the_timeline_turns_pages_newest_first_without_gaps(client, staff, life):
    for number in range(60):
        note(life.customer, "customer.wrote", actor="customer", data={"n": number})
    seen = []
    for number in (1, 2, 3):
        entries = page_of(client, life.customer, f"?page={number}").context["timeline"].entries
        seen += [(entry.at, type(entry.row).__name__, entry.row.pk) for entry in entries]
    assert len(seen) == len(set(seen)) >= 63
    assert [at for at, *_ in seen] == sorted((at for at, *_ in seen), reverse=True)


@pytest.mark.parametrize("query", ["?page=0", "?page=-3", "?page=x", "?page=²", "?page=99999"])
def test_odd_page_numbers_break_nothing(client, staff, life, query):
    assert page_of(client, life.customer, query).status_code == 200


def test_staff_who_are_no_customers_have_no_customer_page(client, staff):
    assert page_of(client, make_staff("petra")).status_code == 404


def test_what_customers_call_themselves_cannot_run_on_the_page(client, staff):
    customer = make_customer(first_name="<script>alert(1)</script>")
    make_subscription(customer)
    assert "<script>alert(1)" not in page_of(client, customer).content.decode()


def test_a_grant_says_how_much_of_it_went_back(client, staff, life):
    source = life.subscription.grants.get().source
    take_back(source=source, by="refund:x", seconds=2 * 86_400, actor="olga", reason="unhappy")
    shown = page_of(client, life.customer).content.decode()
    assert "taken back: 3" in shown and "Time taken back" in shown
