"""What a database needs before Pulse can use it: tables, and on the first start an administrator."""

import secrets

import environ
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

ADMIN = "admin"


def use_database(url: str) -> None:
    """Point this process, whose settings were read before the server ran, at the database."""
    connection.close()
    settings.DATABASES["default"].update(environ.Env.db_url_config(url))


def migrate() -> int:
    """Bring the tables up to date. Returns how many migrations that took; with none to apply it costs 0.2 s."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", interactive=False, verbosity=0)
    return len(plan)


def is_first() -> bool:
    """No start of Pulse on this database got as far as making its administrator."""
    return not get_user_model().objects.exists()


def make_admin() -> str:
    """Returns the password, which is kept nowhere."""
    password = secrets.token_urlsafe(12)
    get_user_model().objects.create_superuser(ADMIN, password=password)
    return password
