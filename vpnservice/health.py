"""Health of the web role: `/healthz` says it runs, `/readyz` that it can serve."""

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse

from core.errors import InstallationMismatch
from core.services import require_installation


def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process can answer at all; asks nothing else."""
    return HttpResponse("ok", content_type="text/plain")


def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 if the database answers, is migrated and belongs to this installation, else 503 and why."""
    why = _not_ready()
    return JsonResponse({"ready": why == "", "why": why}, status=503 if why else 200)


def _not_ready() -> str:
    try:
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "migrations are missing: run manage.py migrate"
        require_installation()
    except DatabaseError:
        return "the database does not answer"
    except InstallationMismatch as mismatch:
        return str(mismatch)
    return ""
