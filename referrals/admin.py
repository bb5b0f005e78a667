"""Who brought whom, for staff."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from core.staff import HistoryAdmin, column, link_to
from referrals.models import InviteCode, Referral


@admin.register(Referral)
class ReferralAdmin(HistoryAdmin):
    list_display = ("created_at", "inviter_link", "invited_link")
    list_filter = ("created_at",)
    list_select_related = ("inviter", "invited")
    search_fields = ("=id",)
    customer_columns = ("inviter", "invited")
    search_help_text = _("Telegram id")
    ordering = ("-id",)
    fields = ("created_at", "inviter_link", "invited_link")
    readonly_fields = fields

    @column(_("invited by"))
    def inviter_link(self, referral: Referral) -> str:
        return link_to(referral.inviter)

    @column(_("invited"))
    def invited_link(self, referral: Referral) -> str:
        return link_to(referral.invited)


@admin.register(InviteCode)
class InviteCodeAdmin(HistoryAdmin):
    list_display = ("code", "customer_link")
    list_select_related = ("user",)
    search_fields = ("=code",)
    customer_columns = ("user",)
    search_help_text = _("Code or Telegram id")
    ordering = ("-id",)
    fields = ("code", "customer_link")
    readonly_fields = fields

    @column(_("customer"))
    def customer_link(self, invite: InviteCode) -> str:
        return link_to(invite.user)
