"""Makes a fresh database ready: `python -m tests.chaos.prepare SCHEDULES`. Its last line is an API token."""

import sys

import django
from django.core.management import call_command

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402  models need Django set up
from django.db import connection  # noqa: E402
from rest_framework.authtoken.models import Token  # noqa: E402

from schedules import services  # noqa: E402
from tests.chaos.witness import TRIGGERS  # noqa: E402


def main(schedules: int) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute(TRIGGERS)
    for number in range(schedules):
        services.create(name=f"chaos {number}", handler_name="chaos.tick", interval_s=1 + number % 3)
    admin = get_user_model().objects.create_superuser("admin")
    sys.stdout.write(f"{Token.objects.create(user=admin).key}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
