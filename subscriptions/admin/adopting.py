"""On a panel's page: taking over the accounts it had before the shop. Customers and plans are this room's."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from core.acts import Act, ActForm
from core.nudges import nudge
from core.staff import admin_of, under_way
from subscriptions.models import Plan
from subscriptions.services import adoption_jobs
from vpnpanel.models import Panel

RUN_JOBS = "core.tasks.run_jobs"


class AdoptionForm(ActForm):
    plan = forms.ChoiceField(label=_("Plan"), help_text=_("What they renew on. Their end and limit stay."))
    match = forms.CharField(
        label=_("Pattern of Telegram ids"),
        required=False,
        max_length=200,
        help_text=_(r"A regular expression for note and name, such as tg(\d+). Empty: our own rules."),
    )
    endless_days = forms.IntegerField(
        label=_("Days for accounts without an end"),
        min_value=0,
        max_value=3660,
        initial=0,
        help_text=_("0: they are left as they are. Otherwise the panel is told their new end."),
    )
    quarantined = forms.BooleanField(label=_("Also those in quarantine"), required=False)
    is_preview = forms.BooleanField(
        label=_("Only show what would happen"),
        required=False,
        initial=True,
        help_text=_("Look at the job's page for who would become what; then come back and switch this off."),
    )

    def fit(self) -> None:
        field = self.fields["plan"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(plan.code, str(plan)) for plan in Plan.objects.filter(is_trial=False)]


def adopt(panel: Panel, values: dict[str, Any], actor: str) -> Any:
    params = {name: values[name] for name in ("plan", "match", "endless_days", "quarantined")}
    job = adoption_jobs.start(panel.pk, params=params, is_preview=values["is_preview"], actor=actor)
    nudge(RUN_JOBS)
    return under_way(job)


ADOPT = Act(
    name="adopt",
    title=_("Take over accounts"),
    about=_("Make customers of the accounts this panel had before. Their keys go on working as they are."),
    permission="subscriptions.add_subscription",
    run=adopt,
    form=AdoptionForm,
    icon="group_add",
)


# An earlier room shows the pages of panels; its admin is registered before this one's.
panels = admin_of(Panel)
panels.acts = (*panels.acts, ADOPT)
