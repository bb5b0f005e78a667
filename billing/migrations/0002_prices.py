from decimal import Decimal

from django.db import migrations

PRICES = {"month": Decimal("299"), "quarter": Decimal("799"), "year": Decimal("2999")}


def add(apps, schema_editor):
    """Load the first prices. From then on they are the staff's: nothing here runs again."""
    plans = apps.get_model("subscriptions", "Plan")
    prices = apps.get_model("billing", "Price")
    for plan in plans.objects.filter(code__in=PRICES):
        prices.objects.get_or_create(plan=plan, currency="RUB", defaults={"amount": PRICES[plan.code]})


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_initial"), ("subscriptions", "0002_plans")]
    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
