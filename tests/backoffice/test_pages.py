"""Every page of every model, for those who may see it and those who may not."""

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule

from accounts.models import User
from backoffice.models import Staff
from tests.backoffice.conftest import allow, live

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def some_row(model):
    return admin.site.get_model_admin(model).get_queryset(None).order_by("-pk").first()


def answers(client, page: str, query: str = "") -> dict[str, int]:
    """Return what a page of each model answers."""
    return {model._meta.label: client.get(address(model, page) + query).status_code for model in MODELS}


def test_lists_and_pages_open_for_staff(client, staff, life):
    lists = {model: client.get(address(model, "changelist"), follow=True).status_code for model in MODELS}
    assert set(lists.values()) == {200}, lists
    with_rows = [model for model in MODELS if model is not ClockedSchedule]  # the shop makes none
    pages = {
        model._meta.label: client.get(address(model, "change", some_row(model).pk)).status_code
        for model in with_rows
    }
    assert set(pages.values()) == {200}, pages


def test_forms_for_new_rows_open_only_where_staff_make_rows(client, staff):
    request = client.get("/admin/").wsgi_request
    may_add = {
        model._meta.label: admin.site.get_model_admin(model).has_add_permission(request) for model in MODELS
    }
    assert answers(client, "add") == {label: 200 if may else 403 for label, may in may_add.items()}
    assert len({*may_add.values()}) == 2


def test_pages_are_closed_to_staff_without_the_permission(client, helper, life):
    assert set(answers(client, "changelist").values()) == {403}


def test_strangers_are_asked_to_sign_in(client, db):
    for model in MODELS:
        response = client.get(address(model, "changelist"))
        assert (response.status_code, response.url.partition("?")[0]) == (302, reverse("admin:login")), model


def test_customers_cannot_sign_in(client, life):
    client.force_login(life.customer)
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("query", ["q={number}", "q=%00", "p=9&all="])
def test_search_and_pages_of_lists_do_not_break(client, staff, life, query):
    found = answers(client, "changelist", "?" + query.format(number=life.customer.telegram_id))
    assert set(found.values()) <= {200, 302}, found


def list_costs(client, queries) -> dict[str, int]:
    """Return the number of queries of each list. Have all been opened before, so that none has to learn.

    The side bar's figures are asked for each time: kept for some seconds, they run out at a list of chance.
    """
    costs = {}
    for model in MODELS:
        cache.clear()
        with queries() as seen:
            client.get(address(model, "changelist"))
        costs[model._meta.label] = len(seen)
    return costs


def grow(number: int, inviter: User) -> None:
    for index in range(number):
        life = live(inviter=inviter)
        Staff.objects.create(username=f"staff-{life.customer.pk}-{index}", is_staff=True)


def test_lists_cost_the_same_with_10_and_20_rows(client, staff, queries):
    inviter = live().customer
    grow(9, inviter)
    answers(client, "changelist")
    few = list_costs(client, queries)
    grow(10, inviter)
    assert list_costs(client, queries) == few


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_admin_speaks_both_languages(client, staff, life, language):
    client.post(reverse("set_language"), {"language": language, "next": "/admin/"})
    page = client.get("/admin/")
    assert page.headers["Content-Language"] == language


def test_customers_and_staff_are_two_lists(client, staff, life):
    customers = client.get(address(User, "changelist")).context["cl"].result_list
    people = client.get(address(Staff, "changelist")).context["cl"].result_list
    assert staff.pk not in {row.pk for row in customers}
    assert {row.pk for row in people} == {staff.pk}


def test_a_customer_is_found_by_telegram_id_in_lists_of_other_rows(client, staff, life):
    other = live()
    page = client.get(
        f"{reverse('admin:subscriptions_subscription_changelist')}?q={other.customer.telegram_id}"
    )
    assert [row.pk for row in page.context["cl"].result_list] == [other.subscription.pk]


def test_side_bar_shows_only_what_one_may_open(client, helper):
    allow(helper, "view_user")
    page = client.get("/admin/").content.decode()
    assert address(User, "changelist") in page
    assert reverse("admin:vpnpanel_panel_changelist") not in page


def hits(client, text: str) -> list[str]:
    return [hit.link for hit in client.get(f"/admin/search/?extended=1&s={text}").context["results"]]


def test_the_side_bar_finds_customers_by_number_and_name(client, staff, life):
    page = address(User, "change", life.customer.pk)
    assert hits(client, life.customer.telegram_id) == [page]
    assert page in hits(client, "anna")


def test_the_side_bar_finds_no_customer_for_those_who_may_not_see_them(client, helper, life):
    assert hits(client, life.customer.telegram_id) == []
