"""Every page of every model, for those who may see it and those who may not."""

import pytest
from django.contrib import admin
from django.urls import reverse
from django_celery_beat.models import ClockedSchedule

from accounts.models import User
from backoffice.models import Staff
from tests.backoffice.conftest import allow, live

MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LABELS = [model._meta.label for model in MODELS]


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def some_row(model):
    return admin.site.get_model_admin(model).get_queryset(None).order_by("-pk").first()


@pytest.mark.parametrize("model", MODELS, ids=LABELS)
def test_lists_and_pages_open_for_staff(client, staff, life, model):
    assert client.get(address(model, "changelist")).status_code == 200
    if model is not ClockedSchedule:  # the shop makes none
        assert client.get(address(model, "change", some_row(model).pk)).status_code == 200


@pytest.mark.parametrize("model", MODELS, ids=LABELS)
def test_forms_for_new_rows_open_only_where_staff_make_rows(client, staff, model):
    may_add = admin.site.get_model_admin(model).has_add_permission(client.get("/admin/").wsgi_request)
    assert client.get(address(model, "add")).status_code == (200 if may_add else 403)


@pytest.mark.parametrize("model", MODELS, ids=LABELS)
def test_pages_are_closed_to_staff_without_the_permission(client, helper, life, model):
    assert client.get(address(model, "changelist")).status_code == 403


@pytest.mark.parametrize("model", MODELS, ids=LABELS)
def test_strangers_are_asked_to_sign_in(client, db, model):
    response = client.get(address(model, "changelist"))
    assert response.status_code == 302
    assert response.url.startswith(reverse("admin:login"))


def test_customers_cannot_sign_in(client, life):
    client.force_login(life.customer)
    assert client.get("/admin/").status_code == 302


@pytest.mark.parametrize("model", MODELS, ids=LABELS)
def test_search_and_pages_of_lists_do_not_break(client, staff, life, model):
    for query in (f"q={life.customer.telegram_id}", "q=anna", "q=%00", "p=9", "all="):
        assert client.get(f"{address(model, 'changelist')}?{query}").status_code in (200, 302)


def list_queries(client, count, model) -> int:
    with count() as seen:
        client.get(address(model, "changelist"))
    return len(seen)


@pytest.mark.parametrize("model", MODELS, ids=LABELS)
def test_lists_cost_the_same_with_10_and_20_rows(client, staff, queries, model):
    inviter = live().customer
    for number in range(9):
        live(inviter=inviter)
        Staff.objects.create(username=f"staff-{number}", is_staff=True)
    client.get(address(model, "changelist"))
    few = list_queries(client, queries, model)
    for number in range(10):
        live(inviter=inviter)
        Staff.objects.create(username=f"more-{number}", is_staff=True)
    assert list_queries(client, queries, model) == few


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
