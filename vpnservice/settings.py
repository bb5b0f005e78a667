"""Settings of every role. `.env.example` documents each key; a wrong value stops start-up."""

import re
import uuid
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured
from django.templatetags.static import static
from django.utils.translation import gettext_lazy as _
from redis.backoff import NoBackoff
from redis.retry import Retry

from vpnservice import env
from vpnservice.env import BASE_DIR
from vpnservice.logs import logging_config

DEPLOYMENT = env.choice("DEPLOYMENT", "production", ("production", "development", "demo", "test"))
IS_PRODUCTION = DEPLOYMENT == "production"
DEBUG = env.flag("DEBUG", False)
if DEBUG and IS_PRODUCTION:
    raise ImproperlyConfigured("DEBUG must be false when DEPLOYMENT is production.")

SECRET_KEY = env.text("SECRET_KEY")
if IS_PRODUCTION and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured(
        "SECRET_KEY must have at least 50 characters. Make one with: openssl rand -base64 48"
    )

# The first key encrypts, all of them decrypt: rotate by putting a new one in front.
ENCRYPTION_KEYS = env.items("ENCRYPTION_KEYS")
if not ENCRYPTION_KEYS:
    raise ImproperlyConfigured(
        "ENCRYPTION_KEYS is not set. Make a key with: openssl rand -base64 32 | tr '+/' '-_'"
    )
for _key in ENCRYPTION_KEYS:
    try:
        Fernet(_key)
    except ValueError as wrong:
        raise ImproperlyConfigured(
            "ENCRYPTION_KEYS must be Fernet keys (32 bytes, url-safe base64), separated by commas."
        ) from wrong

INSTALLATION_ID = env.parsed("INSTALLATION_ID", uuid.UUID, "", "a UUID; make one with: uuidgen")

PUBLIC_BASE_URL = env.url("PUBLIC_BASE_URL")
if IS_PRODUCTION and not PUBLIC_BASE_URL.startswith("https://"):
    raise ImproperlyConfigured("PUBLIC_BASE_URL must start with https:// in production.")
ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", re.sub(r"^\w+://|[:/].*$", "", PUBLIC_BASE_URL.split("//")[-1]))
CSRF_TRUSTED_ORIGINS = env.items("CSRF_TRUSTED_ORIGINS", PUBLIC_BASE_URL)

DATABASE_URL_DEFAULT = f"sqlite:///{BASE_DIR / 'data' / 'shop.sqlite3'}"
DATABASES: dict[str, dict[str, Any]] = {"default": env.database("DATABASE_URL", DATABASE_URL_DEFAULT)}
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_SQLITE:
    Path(DATABASES["default"]["NAME"]).parent.mkdir(parents=True, exist_ok=True)
    # IMMEDIATE takes the write lock when a transaction starts: no upgrade of a read lock can fail half-way.
    DATABASES["default"]["CONN_MAX_AGE"] = None  # opening a file anew costs more than the query
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-8000;",
    }
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    DATABASES["default"]["OPTIONS"] = {
        # Prepared statements: the same few come again and again, and parsing costs more than running them.
        "server_side_binding": True,
        "prepare_threshold": 5,
        "pool": {
            "min_size": 1,
            "max_size": env.number("DATABASE_POOL_SIZE", 13, least=1, most=200),
            "timeout": 20,
        },
    }

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",  # the site itself is ours: backoffice.site
    "unfold.contrib.filters",
    "backoffice.apps.BackofficeAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_celery_beat",
    "core",
    "accounts",
    "notifications",
    "vpnpanel",
    "subscriptions",
    "billing",
    "referrals",
    "support",
    "analytics",
    "telegram_bot",
    "backoffice",
    "vpnservice",
]

SANDBOX_ENABLED = env.flag("SANDBOX_ENABLED", False)
if SANDBOX_ENABLED and IS_PRODUCTION:
    raise ImproperlyConfigured("SANDBOX_ENABLED must be false when DEPLOYMENT is production.")
if SANDBOX_ENABLED:
    INSTALLED_APPS.append("sandbox")

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "core.correlation.CorrelationMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "vpnservice.urls"
WSGI_APPLICATION = "vpnservice.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("ru", _("Russian"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
USE_I18N = True
FORMAT_MODULE_PATH = "backoffice.formats"
USE_TZ = True
TIME_ZONE = env.parsed("TIME_ZONE", lambda raw: ZoneInfo(raw).key, "UTC", "a time zone such as Europe/Moscow")

STATIC_URL = "static/"
STATIC_ROOT = env.text("STATIC_ROOT", str(BASE_DIR / "staticfiles"))
if not IS_PRODUCTION:
    Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if IS_PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not IS_PRODUCTION

# Browsers and proxies. Plain http is for a computer of one's own only.
IS_HTTPS = PUBLIC_BASE_URL.startswith("https://")
SESSION_COOKIE_SECURE = IS_HTTPS
CSRF_COOKIE_SECURE = IS_HTTPS
SECURE_SSL_REDIRECT = IS_HTTPS and env.flag("SECURE_SSL_REDIRECT", True)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_TLS_PROXY", True) else None
SECURE_HSTS_SECONDS = (
    env.number("SECURE_HSTS_SECONDS", 31_536_000, least=0, most=63_072_000) if IS_HTTPS else 0
)
SECURE_HSTS_INCLUDE_SUBDOMAINS = IS_HTTPS
SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_REFERRER_POLICY = "same-origin"
SESSION_COOKIE_AGE = 12 * 3600
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2**20

# Jobs: rows are the truth, messages only nudge, so a broker may lose any of them.
REDIS_URL = env.url("REDIS_URL", "", schemes=("redis", "rediss"))
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
BROKER_FOLDER = env.text("BROKER_FOLDER", str(BASE_DIR / "data" / "broker"))
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = (
    {"visibility_timeout": 600, "socket_timeout": 5, "socket_connect_timeout": 2, "max_retries": 1}
    if REDIS_URL
    else {
        "data_folder_in": BROKER_FOLDER,
        "data_folder_out": BROKER_FOLDER,
        "control_folder": f"{BROKER_FOLDER}/control",
        "polling_interval": 0.1,
    }
)
CELERY_TASK_IGNORE_RESULT = True
CELERY_RESULT_EXPIRES = None  # no results are kept, so beat need not clean them up
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "vpnpanel.tasks.reconcile_access": {"queue": "fast"},
    "billing.tasks.work_notices": {"queue": "fast"},
    "billing.tasks.work_payments": {"queue": "fast"},
}
CELERY_TASK_TIME_LIMIT = 900
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "vpnservice.beat:LeasedScheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 1
CELERY_TIMEZONE = "UTC"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        # What is cached can be made anew, sooner than a Redis that hangs would answer.
        "OPTIONS": {
            "socket_timeout": 0.5,
            "socket_connect_timeout": 0.5,
            "retry": Retry(NoBackoff(), 0),
        },
    }
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

TELEGRAM_BOT_TOKEN = env.text("TELEGRAM_BOT_TOKEN")
if not re.fullmatch(r"[1-9]\d*:[\w-]{10,}", TELEGRAM_BOT_TOKEN) or len(TELEGRAM_BOT_TOKEN) > 80:
    raise ImproperlyConfigured("TELEGRAM_BOT_TOKEN must look like 123456:ABC-DEF, as @BotFather shows it.")
TELEGRAM_BOT_ID = int(TELEGRAM_BOT_TOKEN.split(":")[0])
TELEGRAM_BOT_USERNAME = env.text("TELEGRAM_BOT_USERNAME", "").lstrip("@")
TELEGRAM_API_BASE_URL = env.url("TELEGRAM_API_BASE_URL", "https://api.telegram.org")
TELEGRAM_MODE = env.choice("TELEGRAM_MODE", "polling", ("polling", "webhook"))
TELEGRAM_WEBHOOK_SECRET = env.text("TELEGRAM_WEBHOOK_SECRET", "")
if TELEGRAM_MODE == "webhook" and not re.fullmatch(r"[\w-]{16,256}", TELEGRAM_WEBHOOK_SECRET):
    raise ImproperlyConfigured(
        "TELEGRAM_WEBHOOK_SECRET must be 16 to 256 letters, digits, _ or - when TELEGRAM_MODE is webhook."
    )
# Telegram's free limits: about 30 messages a second in all, about one a second to one chat.
TELEGRAM_MESSAGES_PER_SECOND = env.number("TELEGRAM_MESSAGES_PER_SECOND", 28, least=1, most=1000)
TELEGRAM_CHAT_MESSAGES_PER_SECOND = env.number("TELEGRAM_CHAT_MESSAGES_PER_SECOND", 1, least=1, most=1000)

YOOKASSA_API_URL = env.url("YOOKASSA_API_URL", "https://api.yookassa.ru/v3")
# The list of the official package (yookassa 3.13, SecurityHelper).
YOOKASSA_NOTICE_ADDRESSES = env.networks(
    "YOOKASSA_NOTICE_ADDRESSES",
    "185.71.76.0/27, 185.71.77.0/27, 77.75.153.0/25, 77.75.154.128/25, 77.75.156.11, 77.75.156.35, "
    "2a02:5180:0:1509::/64, 2a02:5180:0:2655::/64, 2a02:5180:0:1533::/64, 2a02:5180:0:2669::/64",
)
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

SUPPORT_CONTACT = env.text("SUPPORT_CONTACT", "")
SHOP_NAME = env.text("SHOP_NAME", "VPN")

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR"))
LOG_FORMAT = env.choice("LOG_FORMAT", "json" if IS_PRODUCTION else "text", ("json", "text"))
LOGGING_CONFIG = None
logging_config(level=LOG_LEVEL, as_json=LOG_FORMAT == "json")

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": SHOP_NAME,
    "SITE_HEADER": SHOP_NAME,
    "SITE_SYMBOL": "vpn_key",
    "SITE_URL": None,  # nothing stands at the root of the web role
    "SITE_FAVICONS": [{"rel": "icon", "href": lambda request: static("backoffice/icon.svg")}],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_LANGUAGES": True,
    "DASHBOARD_CALLBACK": "backoffice.home.dashboard",
    "STYLES": [lambda request: static("backoffice/backoffice.css")],
    "COMMAND": {"search_callback": "backoffice.search.customers"},
    "SIDEBAR": {"show_search": True, "command_search": True, "navigation": "backoffice.navigation.sidebar"},
}
