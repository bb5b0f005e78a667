"""Queries asked thousands of times a minute: their SQL is made once, not for each ask.

Making the SQL of a join with some columns costs Django several times what the database needs to run it.
Beside `QuerySet` this uses the query compiler, as Django's own iterator over models does.
"""

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model, QuerySet
from django.db.models import query as orm

populators: Any = orm.get_related_populators  # the stubs are of a newer Django, where it takes more

M = TypeVar("M", bound=Model)


class CompiledQuery(Generic[M]):
    """Rows of a model by one value. `build` makes the queryset for a value; `example` is one no row has.

    What `build` puts into the SQL beside the value is put there once, so it must not change.
    """

    def __init__(self, build: Callable[[Any], QuerySet[M]], example: Any) -> None:
        self._build, self._example = build, example
        self._of_thread = threading.local()  # a compiler belongs to a connection, and that to a thread

    def rows(self, value: Any) -> list[M]:
        """Return the rows for the value, as the queryset would. One query."""
        form = self._form()
        with connection.cursor() as cursor:
            cursor.execute(form.sql, form.parameters(value))
            found = cursor.fetchall()
        return [form.instance(row) for row in form.compiler.results_iter([found])]

    def _form(self) -> "_Form":
        form: _Form | None = getattr(self._of_thread, "form", None)
        if form is None or form.compiler.connection is not connections[DEFAULT_DB_ALIAS]:
            form = _Form(self._build(self._example), self._example)
            self._of_thread.form = form
        return form


class _Form:
    """The SQL of a queryset, and how instances are made of what it returns."""

    def __init__(self, queryset: QuerySet[Any], example: Any) -> None:
        self.compiler: Any = queryset.query.get_compiler(using=queryset.db)
        self.sql, self._parameters = self.compiler.as_sql()
        places = [place for place, each in enumerate(self._parameters) if each == example]
        if len(places) != 1:
            raise ValueError(f"the example stands in {len(places)} places of the query")
        self._place = places[0]
        self._type = type(self._parameters[self._place])  # psycopg is told the width of a number by its type
        info, select = self.compiler.klass_info, self.compiler.select
        columns = info["select_fields"]
        self._model, self._database = info["model"], queryset.db
        self._columns = slice(columns[0], columns[-1] + 1)
        self._names = [each[0].target.attname for each in select[self._columns]]
        self._related = populators(info, select, queryset.db)

    def parameters(self, value: Any) -> list[Any]:
        return [
            self._type(value) if place == self._place else each for place, each in enumerate(self._parameters)
        ]

    def instance(self, row: Any) -> Any:
        made = self._model.from_db(self._database, self._names, row[self._columns])
        for related in self._related:
            related.populate(row, made)
        for name, place in (self.compiler.annotation_col_map or {}).items():
            setattr(made, name, row[place])
        return made
