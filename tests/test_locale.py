"""The catalogues say everything the code says, in whole and correct Russian."""

import functools
import itertools
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from babel.messages.catalog import Message
from django.contrib import admin
from django.contrib.admin.utils import flatten_fieldsets, label_for_field
from django.utils import translation

from backoffice.timeline import TOLD
from core import money
from notifications.kinds import KINDS
from scripts.compile_locale import compile_all
from scripts.extract_locale import LANGUAGES, ROOMS, WANTED, catalogue, is_translated, read, texts_in
from subscriptions.messages import shown_time
from subscriptions.status import CustomerStatus, State

PLACEHOLDER = re.compile(r"%\(\w+\)[#0+ -]*[\d.]*[a-z]|%[sd]|\{\w*\}")
CYRILLIC = re.compile("[а-яё]", re.I)
TAG = re.compile(r"</?[a-z][^>]*>")
SIGN = re.compile(r"^\s+|\s+$|\n|[\u2190-\u2bff‹\U0001f300-\U0001faff]")
# Names, and what people type or read in a program as it stands.
NAMES = {"VPN", "Telegram", "ID", "QR", "cron", "expires", "expire_seconds", "subscription"}
NAMES |= {"vless", "VLESS", "TCP", "REALITY", "HTTP", "API", "sale", "order", "ui"}
NAMES |= {"happ", "base"}  # as in happ:// and base64
NAMES |= {"Marzban", "WEBHOOK_SECRET", "Xray"}
ADDRESS = re.compile(r"https?://\S+")


@functools.cache
def messages() -> list[Message]:
    """Everything in the catalogues, read when a test asks: not each process that has this file does."""
    return [
        message
        for folder, language in itertools.product(WANTED, LANGUAGES)
        for message in read(catalogue(folder, language), language)
        if message.id
    ]


@functools.cache
def pairs() -> list[tuple[str, str]]:
    """Each Russian form beside the English one it stands for."""
    found: list[tuple[str, str]] = []
    for message in filter(is_translated, messages()):
        if isinstance(message.id, str):
            found.append((message.id, message.string))
        else:
            found += [(message.id[-1], form) for form in message.string]
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("folder", WANTED)
def test_every_text_in_the_code_is_translated(folder, language):
    found = read(catalogue(folder, language), language)
    known = {(message.context, message.id): message for message in found if message.id}
    texts = {(message.context, message.id) for message in WANTED[folder](language) if message.id}
    assert known.keys() == texts, "run: python scripts/extract_locale.py"
    assert [key for key, message in known.items() if not is_translated(message) or message.fuzzy] == []


def test_catalogues_compile():
    assert compile_all() == []


@pytest.mark.parametrize("kept", [PLACEHOLDER, TAG, SIGN], ids=["placeholders", "tags", "signs"])
def test_nothing_is_lost_on_the_way_to_russian(kept):
    assert [ru for en, ru in pairs() if Counter(kept.findall(en)) != Counter(kept.findall(ru))] == []


def test_plurals_have_all_their_forms():
    plurals = [message for message in messages() if isinstance(message.id, tuple)]
    assert plurals
    assert [message.id for message in plurals if len(set(filter(None, message.string))) < 3] == []


@pytest.mark.parametrize(
    ("days", "text"),
    [(1, "1 день"), (3, "3 дня"), (5, "5 дней"), (11, "11 дней"), (21, "21 день"), (112, "112 дней")],
)
def test_days_are_counted_as_russians_count(days, text):
    with translation.override("ru"):
        assert CustomerStatus(State.ACTIVE, time_left=timedelta(days=days)).time_left_text == text


def test_no_english_is_left():
    def words(text: str) -> set[str]:
        plain = PLACEHOLDER.sub(" ", TAG.sub(" ", ADDRESS.sub(" ", text)))
        return set(re.findall(r"\b[A-Za-z_]{2,}", plain)) - NAMES

    assert {ru: words(ru) for _en, ru in pairs() if words(ru)} == {}


def test_customers_are_addressed_politely_and_without_capitals():
    capital = re.compile(r"(?<![.!?:»]\s)(?<!^)(?<![☰-🟿]\s)\b(Вы|Вас|Вам|Вами|Ваш[а-я]*)\b", re.M)
    assert [ru for _en, ru in pairs() if capital.search(ru)] == []
    assert [ru for _en, ru in pairs() if re.search(r"\b([Тт]ы|[Тт]ебя|[Тт]ебе|[Тт]во[йяею])\b", ru)] == []


def test_extraction_sees_f_strings_contexts_and_templates(tmp_path):
    (tmp_path / "code.py").write_text(
        "f'<b>{_(\"Inside\")}</b>'\nngettext('%d one', '%d many', 2)\n"
        "pgettext_lazy('verb', 'Open')\n_(name)\n"
    )
    (tmp_path / "page.html").write_text(
        "{% load i18n %}\n  <p>it's {% translate 'Plain' %}\n{% blocktranslate count n=x %}{{ n }} cat"
        "{% plural %}{{ n }} cats{% endblocktranslate %}"
    )
    texts = {(message.id, message.context) for message in texts_in([tmp_path]) if message.id}
    assert texts == {
        ("Inside", None),
        (("%d one", "%d many"), None),
        ("Open", "verb"),
        ("Plain", None),
        (("%(n)s cat", "%(n)s cats"), None),
    }


def test_times_and_money_are_written_as_russians_write_them():
    moment = datetime(2026, 11, 2, 18, 5, tzinfo=UTC)
    with translation.override("ru"):
        assert shown_time(moment) == "2 ноября 2026, 18:05 UTC"
        assert money.shown(Decimal("2999.50"), "RUB").replace("\xa0", " ") == "2 999,50 ₽"


def names_on_pages(model_admin) -> dict[str, str]:
    """Return every name the pages of a model show, by what it names."""
    model, opts = model_admin.model, model_admin.model._meta
    columns = [name for name in model_admin.list_display if name != "__str__"]
    fields = flatten_fieldsets(model_admin.fieldsets or ((None, {"fields": model_admin.fields or ()}),))
    names = {name: str(label_for_field(name, model, model_admin)) for name in {*columns, *fields}}
    acts = {f"act {act.name}": str(act.title) for act in getattr(model_admin, "acts", ())}
    app = opts.app_config.verbose_name
    return (
        names | acts | {"one": str(opts.verbose_name), "many": str(opts.verbose_name_plural), "app": str(app)}
    )


@pytest.mark.parametrize("model", [model for model in admin.site._registry if model._meta.app_label in ROOMS])
def test_staff_read_no_english_names(model):
    with translation.override("ru"):
        names = names_on_pages(admin.site.get_model_admin(model))
    assert {key: name for key, name in names.items() if not CYRILLIC.search(name)}.keys() <= {
        "id",
        "telegram_id",
    }


def test_the_timeline_has_words_for_every_message():
    ours = {name for name, kind in KINDS.items() if not kind.render.__module__.startswith("tests")}
    assert ours == TOLD.keys()
