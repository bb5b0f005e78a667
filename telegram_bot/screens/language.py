"""The choice of language, in both of them."""

from accounts.models import User
from notifications.kinds import Button, Rendered


def load(customer: User, argument: str) -> None:
    return None


def render(values: None) -> Rendered:
    return Rendered(
        "🌐 <b>Выберите язык · Choose your language</b>",
        buttons=((Button("Русский", action="language:ru"), Button("English", action="language:en")),),
    )
