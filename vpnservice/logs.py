"""Logging of every role: structured lines with a correlation id and without secrets."""

import logging.config
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

# Bot tokens stand in Telegram's URLs, customers' secrets in the path of their link and in some of 3x-ui's,
# whose every path begins with a secret: urllib3 names it in what it raises.
SECRETS = (
    (re.compile(r"bot\d+:[\w-]+"), "bot<token>"),
    (re.compile(r"/s/[\w-]{10,}"), "/s/<token>"),
    (re.compile(r"/open/([\w-]+)/[\w-]{10,}"), r"/open/\1/<token>"),
    (re.compile(r"(with url: )/\S*"), r"\1<path>"),
    (re.compile(r"/(updateClient|delClient|subLinks)/[^/?:\s]+"), r"/\1/<key>"),
    (
        re.compile(
            r"(?i)(authorization|password|x-webhook-secret)(['\"]?\s*[:=]\s*['\"]?)(bearer\s+)?[^\s'\",&}]+"
        ),
        r"\1\2<redacted>",
    ),
)


def redact(text: str) -> str:
    """Return `text` without tokens and passwords."""
    for pattern, instead in SECRETS:
        text = pattern.sub(instead, text)
    return text


def redact_event(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


def logging_config(*, level: str, as_json: bool) -> None:
    """Set up logging for this process; lines go to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        redact_event,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: Any = (
        structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "shop": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": shared,
                    "processors": [
                        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                        redact_event,
                        renderer,
                    ],
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "shop"}},
            "root": {"handlers": ["stderr"], "level": level},
            "loggers": {
                "httpx": {"level": "WARNING"},
                "httpcore": {"level": "WARNING"},
                "urllib3": {"level": "WARNING"},
                "celery.beat": {"level": "WARNING"},
                "celery.app.trace": {"level": "WARNING"},
                "celery.worker.strategy": {"level": "WARNING"},
                "django.request": {"level": "ERROR"},
            },
        }
    )
