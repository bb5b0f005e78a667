"""Who brought whom."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class InviteCode(models.Model):
    """The code in a customer's invite link."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="invite_code", verbose_name=_("customer")
    )
    code = models.CharField(_("code"), max_length=16, unique=True)

    class Meta:
        verbose_name = _("invite code")
        verbose_name_plural = _("invite codes")

    def __str__(self) -> str:
        return self.code


class Referral(models.Model):
    """A customer who came by another's link. Set once, when they first arrive."""

    invited = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="referral", verbose_name=_("invited")
    )
    inviter = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="invited", verbose_name=_("invited by")
    )
    created_at = models.DateTimeField(_("time"), auto_now_add=True)

    class Meta:
        verbose_name = _("referral")
        verbose_name_plural = _("referrals")
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(invited=models.F("inviter")), name="referral_not_of_oneself"
            )
        ]

    def __str__(self) -> str:
        return f"{self.inviter_id} → {self.invited_id}"
