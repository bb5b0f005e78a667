"""The checkup of a panel as a job, for staff who ask for one."""

from core.jobs import Step
from core.models import Job
from core.services import require_installation
from vpnpanel.checkup import check
from vpnpanel.errors import PanelDown, PanelError, PanelRefused
from vpnpanel.models import Panel
from vpnpanel.services.outages import keep_figures, mark_down, mark_up

KIND = "panel_check"


def step(job: Job) -> Step:
    """Check one panel as a job, and note down whether it answers. Raises what is wrong with it, for good."""
    require_installation()
    panel = Panel.objects.get(pk=int(job.subject))
    try:
        found = check(panel)
    except PanelError as failed:
        if isinstance(failed, PanelDown):
            mark_down(panel.pk, failed.sentence)
        raise PanelRefused(failed.sentence) from failed
    mark_up(panel)
    keep_figures(panel, found.figures)
    result = {
        "version": found.figures.version,
        "accounts": found.figures.accounts,
        "inbounds": found.inbounds,
    }
    return Step(cursor=None, done=1, total=1, is_last=True, result=result)
