from django.apps import AppConfig


class SandboxConfig(AppConfig):
    """The outside world in a box: stand-ins for Telegram and the panels. Holds no models."""

    name = "sandbox"
    verbose_name = "Sandbox"
