"""Inserting what may be there already, and writing many rows at once."""

from datetime import UTC, datetime

from accounts.models import User
from core.rows import insert_missing, update_each


def customer(**fields: object) -> User:
    return User(telegram_id=5_001, password="!", **fields)


def test_new_row_gets_its_key(db):
    row = customer(first_name="Anna")
    assert insert_missing(row)
    assert User.objects.get(pk=row.pk).first_name == "Anna" and row.joined_at


def test_row_that_is_there_stays_as_it_is(db):
    insert_missing(customer(first_name="Anna"))
    second = customer(first_name="Other")
    assert not insert_missing(second)
    assert second.pk is None and User.objects.get().first_name == "Anna"


def test_inserted_row_is_saved_as_one_that_exists(db):
    row = customer()
    insert_missing(row)
    row.first_name = "Anna"
    row.save(update_fields=["first_name"])
    assert User.objects.get().first_name == "Anna"


def test_each_row_gets_its_own_values_in_one_statement(db, django_assert_num_queries):
    rows = [User(telegram_id=6_000 + number, password="!") for number in range(3)]
    for row in rows:
        insert_missing(row)
    moment = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    for number, (row, seen_at) in enumerate(zip(rows, (None, moment, None), strict=True)):
        row.first_name, row.seen_at, row.is_active = f"Anna {number}", seen_at, number > 0
    with django_assert_num_queries(1):
        update_each(rows[:2], ["first_name", "seen_at", "is_active"])
    found = User.objects.order_by("telegram_id").values_list("first_name", "seen_at", "is_active")
    assert list(found) == [("Anna 0", None, False), ("Anna 1", moment, True), ("", None, True)]


def test_no_rows_are_no_statement(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        update_each([], ["first_name"])
