"""TCP ports on this machine's loopback."""

import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = (
    20_000,
    32_000,
)  # below Linux's range for outgoing connections: a restart finds its port free


def is_free(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: TIME_WAIT is no obstacle
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port nobody listens on now. Whoever binds it next has it, so bind soon."""
    while not is_free(port := random.randint(LOWEST, HIGHEST)):  # noqa: S311  not a secret
        pass
    return port
