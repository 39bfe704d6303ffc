"""All settings of Pulse. This is the only module that reads the environment.

Where a value is looked for: the process's environment, then the file `services.env` that `manage.py up` writes
into the data folder (so that `celery -A pulse_project worker` in a second terminal finds the same servers), then
the default given here.
"""

import os
import secrets
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import django_stubs_ext
import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

django_stubs_ext.monkeypatch()  # lets classes such as ModelAdmin carry a type parameter

BASE_DIR = Path(__file__).resolve().parent.parent

process_env = environ.Env()
PULSE_DATA_DIR = Path(process_env("PULSE_DATA_DIR", default=str(BASE_DIR / "var"))).expanduser().resolve()
SERVICES_ENV_FILE = PULSE_DATA_DIR / "services.env"


def environment() -> dict[str, str]:
    """The process's environment laid over the file that `manage.py up` keeps while it runs."""
    try:
        lines = SERVICES_ENV_FILE.read_text().splitlines()
    except OSError:
        lines = []  # it is not running, or it is another user's
    written = dict(line.split("=", 1) for line in lines if "=" in line)
    return {**written, **process_env.ENVIRON}


class Env(environ.Env):
    ENVIRON = environment()


env = Env()


def secret_key() -> str:
    """The key from the environment, or one made once and kept in the data folder (mode 0600)."""
    given: str = env("SECRET_KEY", default="")
    if given:
        return given
    path = PULSE_DATA_DIR / "secret_key"
    try:
        return path.read_text()
    except OSError:
        fresh = secrets.token_urlsafe(50)
    draft = path.with_name(f"secret_key.{os.getpid()}")
    with suppress(OSError):  # a folder that cannot be written: `manage.py up` says so before anything else
        PULSE_DATA_DIR.mkdir(parents=True, exist_ok=True)
        draft.touch(mode=0o600)
        draft.write_text(fresh)
        with suppress(FileExistsError):
            os.link(draft, path)  # all of it or nothing, and the first process wins
        draft.unlink()
        return path.read_text()
    return fresh


SECRET_KEY = secret_key()
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    *(["daphne"] if "runserver" in sys.argv else []),  # makes it speak WebSocket; importing it takes 0.2 s
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "django_celery_beat",
    "pulse",
    "schedules",
    "executions",
    "tasklogs",
    "pulse_project",
    *env.list("PULSE_EXTRA_APPS", default=["examples"]),
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "pulse_project.urls"
ASGI_APPLICATION = "pulse_project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "pulse_project" / "templates"],
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

# --- Servers -------------------------------------------------------------------------------------------------

SERVER_VARIABLES = ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")
PULSE_SERVERS_GIVEN = {name: url for name in SERVER_VARIABLES if (url := process_env(name, default=""))}


def database(url: str) -> dict[str, Any]:
    """Django's form of a PostgreSQL URL. An error names the variable and not the URL, which holds a password."""
    try:
        with warnings.catch_warnings(action="ignore"):
            parsed: dict[str, Any] = env.db_url_config(url)
    except ValueError:
        parsed = {}
    if parsed.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:password@host:5432/name.")
    return parsed


DATABASE_URL = env("DATABASE_URL", default="postgresql://pulse@127.0.0.1:5432/pulse")
REDIS_URL = env("REDIS_URL", default="redis://127.0.0.1:6379/0")
CELERY_BROKER_URL = env("CELERY_BROKER_URL", default=REDIS_URL)

DATABASES: dict[str, dict[str, Any]] = {"default": database(DATABASE_URL)}
DATABASES["default"] |= {
    "CONN_MAX_AGE": env.int("CONN_MAX_AGE", default=600),  # seconds
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        "connect_timeout": 5,
        "application_name": "pulse",
        "prepare_threshold": 5,
        **DATABASES["default"].get("OPTIONS", {}),  # what the URL asks for, such as sslmode=require
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- Web -----------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
FRONTEND_DIST = BASE_DIR / "frontend" / "dist"
STATICFILES_DIRS = [("ui", FRONTEND_DIST)]
SILENCED_SYSTEM_CHECKS = ["staticfiles.W004"]  # the front end is built by the set-up, not by Django
WHITENOISE_USE_FINDERS = True

LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
SESSION_COOKIE_SAMESITE = "Lax"
X_FRAME_OPTIONS = "DENY"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    },
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.TokenAuthentication",  # first: who gives no credentials gets 401, not 403
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.DjangoModelPermissions"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "pulse.http.exception_handler",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Pulse",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "ENUM_NAME_OVERRIDES": {  # fields of one name with different choices
        "JobStatus": "pulse.states.JobStatus",
        "ExecutionStatus": "pulse.states.ExecutionStatus",
        "ScheduleState": "schedules.models.ScheduleState",
        "Level": "tasklogs.models.TaskLog.Level",
    },
}

# --- Celery (why each: docs/adr/0003-engine-and-gates.md) -------------------------------------------------------

CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the lease counts attempts, not the broker
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_DISABLE_PREFETCH = True  # Redis: take a message only when a slot is free
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_CONSUMER = "pulse.worker:Consumer"  # lives on while the broker is away
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False  # a run's print() lines go to its task log, see tasklogs.capture
CELERY_WORKER_SEND_TASK_EVENTS = True  # Flower
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # Celery would give up after the hundredth, and the worker end
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 6 * 3600,  # seconds; a redelivery is harmless, but not wanted
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 15,
    "priority_steps": list(range(10)),  # 0 is taken first
    "queue_order_strategy": "priority",
    "max_retries": 0,  # of one publish: the sweeper repeats it, and nobody waits 6 s for a broker that is away
}
CELERY_DB_REUSE_MAX = 1_000_000  # tasks before Celery's Django fix-up closes the database connection
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULER = "schedules.ticker:PulseScheduler"

# --- Pulse ---------------------------------------------------------------------------------------------------

PULSE_GATES = env.list(
    "PULSE_GATES", default=["pulse.gates.paused", "pulse.gates.concurrency", "pulse.gates.system_load"]
)
PULSE_RECORDERS = [
    "pulse.slots.SlotRecorder",
    "executions.recorders.ExecutionRecorder",
    "tasklogs.recorders.TaskLogRecorder",
]
PULSE_PORT = env.int("PULSE_PORT", default=8820)
PULSE_PAYLOAD_MAX_BYTES = env.int("PULSE_PAYLOAD_MAX_BYTES", default=1_048_576)
PULSE_WORKER_HEARTBEAT_S = env.float("PULSE_WORKER_HEARTBEAT_S", default=5.0)
PULSE_WORKER_LOST_AFTER_S = env.float("PULSE_WORKER_LOST_AFTER_S", default=30.0)
PULSE_REPUBLISH_AFTER_S = env.float("PULSE_REPUBLISH_AFTER_S", default=20.0)
PULSE_PRIORITY_AGING_S = env.float("PULSE_PRIORITY_AGING_S", default=60.0)  # waited for longer: moved ahead of all
PULSE_CANCEL_GRACE_S = env.float("PULSE_CANCEL_GRACE_S", default=10.0)
PULSE_LOAD_PAUSE_ABOVE = env.float("PULSE_LOAD_PAUSE_ABOVE", default=95.0)  # percent, see pulse/load.py
PULSE_LOAD_RESUME_BELOW = env.float("PULSE_LOAD_RESUME_BELOW", default=88.0)
PULSE_LOAD_ASK_AGAIN_S = env.float("PULSE_LOAD_ASK_AGAIN_S", default=30.0)
PULSE_RECOVERY_FIRST = env.int("PULSE_RECOVERY_FIRST", default=10)  # recovered jobs that start within the first 10 s
PULSE_RECOVERY_SPREAD_S = env.float("PULSE_RECOVERY_SPREAD_S", default=300.0)  # over which the others are spread
PULSE_STOP_GRACE_S = env.float("PULSE_STOP_GRACE_S", default=20.0)
PULSE_EVENTS_STREAM = env("PULSE_EVENTS_STREAM", default="pulse:events")
PULSE_EVENTS_KEPT = env.int("PULSE_EVENTS_KEPT", default=10_000)
PULSE_SOCKET_SESSION_CHECK_S = env.float("PULSE_SOCKET_SESSION_CHECK_S", default=60.0)
PULSE_SOCKET_STALLED_S = env.float("PULSE_SOCKET_STALLED_S", default=20.0)
PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES = env.bool("PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES", default=False)
PULSE_RECORD_CELERY_TASKS = env("PULSE_RECORD_CELERY_TASKS", default="all")  # or "handlers", or names with * and ?
PULSE_RECORD_TASK_ARGS = env.bool("PULSE_RECORD_TASK_ARGS", default=False)  # of plain Celery tasks, and their results
PULSE_LOG_SPILL_DIR = Path(env("PULSE_LOG_SPILL_DIR", default=str(PULSE_DATA_DIR / "log-spill")))  # lines that wait
PULSE_LOG_SPILL_MAX_BYTES = env.int("PULSE_LOG_SPILL_MAX_BYTES", default=1 << 30)  # of one execution
PULSE_DJANGO_COMMANDS = env.list("PULSE_DJANGO_COMMANDS", default=["check", "clearsessions"])

# --- Logging -------------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "level": "INFO", "formatter": "line"},
        "run": {"class": "tasklogs.capture.RunLogHandler"},
    },
    "root": {"level": "INFO", "handlers": ["console", "run"]},
    "loggers": {
        "pulse.run": {"level": "DEBUG"},
    },
}
