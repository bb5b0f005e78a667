from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core import jobs, retention

        retention.register("jobs", jobs.remove_finished)
