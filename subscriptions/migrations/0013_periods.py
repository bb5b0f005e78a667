from django.db import migrations
from django.db.models import OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce

BATCH = 500


def begin_periods(apps, schema_editor):
    """Say how much had flowed when the newest terms came: until now a limit was that, what was left then, and
    what came with them, and grew with every renewal. Else whoever renewed often would be told of traffic used
    up long ago."""
    subscriptions = apps.get_model("subscriptions", "Subscription").objects
    grants = apps.get_model("subscriptions", "Grant").objects.filter(subscription=OuterRef("pk"))
    newest = grants.filter(plan__isnull=False).order_by("-id")
    added = grants.filter(plan__isnull=True, id__gt=OuterRef("newest")).order_by().values("subscription")
    limited = subscriptions.filter(
        access__traffic_limit__gt=0, allowance_at__isnull=True, allowance_from=0
    ).annotate(
        newest=Subquery(newest.values("id")[:1]),
        brought=Coalesce(Subquery(newest.values("traffic")[:1]), 0),
        kept=Coalesce(Subquery(newest.values("kept_traffic")[:1]), 0),
        added=Coalesce(Subquery(added.annotate(total=Sum("traffic")).values("total")), 0),
    )
    rows = []
    for row in limited.select_related("access").defer("token").order_by("pk").iterator(BATCH):
        flowed = row.access.traffic_limit - row.brought - row.kept - row.added
        if row.brought and flowed > 0:
            row.allowance_from = flowed
            rows.append(row)
    subscriptions.bulk_update(rows, ["allowance_from"], batch_size=BATCH)


class Migration(migrations.Migration):
    dependencies = [("subscriptions", "0012_near_limit")]
    operations = [migrations.RunPython(begin_periods, migrations.RunPython.noop)]
