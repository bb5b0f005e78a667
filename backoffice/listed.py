"""What a page of the back office says of rows, with the list that shows them."""

from dataclasses import dataclass

from django.db.models import Model

from core.staff import page_of, permission_to_view


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Something about the rows of `model` that `query` finds; for those who may view them."""

    title: str
    model: type[Model]
    query: str = ""
    icon: str

    @property
    def url(self) -> str:
        return f"{page_of(self.model)}?{self.query}" if self.query else page_of(self.model)

    @property
    def permission(self) -> str:
        return permission_to_view(self.model)
