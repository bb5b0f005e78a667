"""A test that commits leaves the database as the migrations made it."""

from typing import Any

from django.apps import apps

from accounts.models import User
from core.services import claim_installation
from subscriptions.models import Plan
from tests.factories import make_customer, make_subscription
from tests.pristine import Pristine


def everything() -> dict[str, list[Any]]:
    models = apps.get_models(include_auto_created=True)
    return {model._meta.db_table: list(model._base_manager.order_by("pk").values()) for model in models}


def test_what_was_added_changed_and_deleted_is_put_back(django_db_setup: Pristine, live_db: None) -> None:
    before = everything()
    claim_installation()
    customer = make_customer()
    subscription = make_subscription(customer)
    Plan.objects.exclude(pk=subscription.plan_id).first().delete()
    Plan.objects.update(position=99)
    assert everything() != before
    django_db_setup.put_back()
    assert everything() == before
    assert User.objects.create_user("next").pk > customer.pk
