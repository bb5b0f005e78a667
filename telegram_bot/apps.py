from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TelegramBotConfig(AppConfig):
    name = "telegram_bot"
    verbose_name = _("Bot")

    def ready(self) -> None:
        from core import retention
        from telegram_bot import services

        retention.register("update contents", services.forget_old_contents)
