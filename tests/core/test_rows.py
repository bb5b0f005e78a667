"""Inserting what may be there already."""

from accounts.models import User
from core.rows import insert_missing


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
