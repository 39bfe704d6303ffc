"""The engine's statements, kept prepared by the server: planning them for each job would cost more than they do."""

from collections.abc import Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg.rows import dict_row


def rows(statement: str, given: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the statement returns, by column name. Raises django.db.Error.

    Parameters are sent beside the statement, not inside it. jsonb comes as text.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection, row_factory=dict_row) as cursor:
        cursor.execute(statement.encode(), given, prepare=True)
        return cursor.fetchall()
