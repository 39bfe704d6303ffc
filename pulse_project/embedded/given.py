"""Servers named in the environment: do they answer? What is said of them never holds their password."""

import re
from collections.abc import Mapping

import redis
from django.db import DatabaseError, connection
from kombu import Connection
from kombu.exceptions import KombuError

from pulse_project.embedded.errors import CannotStart

TIMEOUT_S = 5
ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[\w.-]+)(:\d+)?")
REDIS_SCHEMES = ("redis://", "rediss://", "valkey://", "valkeys://")


def check(given: Mapping[str, str]) -> None:
    """Ask each given server once. Raises CannotStart that names the variable, the address and the reason."""
    for variable, url in given.items():
        if variable == "DATABASE_URL":
            check_database(variable, url)
        elif url.startswith(REDIS_SCHEMES):
            check_redis(variable, url)
        elif variable == "REDIS_URL":
            raise CannotStart("REDIS_URL must look like redis://:password@host:6379/0.")
        else:
            check_broker(variable, url)


def check_database(variable: str, url: str) -> None:
    """Through Django, whose settings hold the same URL: what it accepts is what counts."""
    try:
        connection.ensure_connection()
    except DatabaseError as fault:
        raise refused(variable, url, str(fault)) from None


def check_redis(variable: str, url: str) -> None:
    try:
        redis.Redis.from_url(url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S).ping()
    except (redis.RedisError, OSError, ValueError) as fault:
        raise refused(variable, url, str(fault)) from None


def check_broker(variable: str, url: str) -> None:
    """RabbitMQ, or whatever else Celery can speak to."""
    try:
        broker = Connection(url, connect_timeout=TIMEOUT_S)
        errors = (*broker.connection_errors, KombuError, OSError, ValueError)
    except (KeyError, ImportError, ValueError) as fault:
        raise refused(variable, url, f"Celery knows no such broker: {fault}") from None
    try:
        broker.connect()
        broker.release()
    except errors as fault:
        raise refused(variable, url, str(fault)) from None


def refused(variable: str, url: str, reason: str) -> CannotStart:
    instead = "correct it, or unset it to use the built-in server"
    return CannotStart(f"{variable}: no connection to {address(url)} ({brief(reason, url)}): {instead}.")


def address(url: str) -> str:
    """Host and port of a URL, when they can be told from its password."""
    place = url.partition("://")[2].rpartition("@")[2].partition("/")[0].partition("?")[0]
    return place if ADDRESS.fullmatch(place) else "the address it holds"


def brief(reason: str, url: str) -> str:
    """The gist of an error's first line, without the password should it be quoted there."""
    first = (reason.strip().splitlines() or ["no reason given"])[0]
    gist = re.split(r"failed: |FATAL: +", first)[-1].strip().rstrip(".:")
    password = url.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return gist.replace(password, "***") if password else gist
