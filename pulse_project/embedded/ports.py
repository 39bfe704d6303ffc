"""TCP ports on this machine's loopback."""

import errno
import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 20_000, 32_000  # below Linux's range for outgoing connections, which might take them


def obstacle(port: int) -> str:
    """Why nobody can listen on the port now; empty when somebody can."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        try:
            listener.bind((LOOPBACK, port))
            listener.listen(1)
        except OSError as fault:
            return "another program listens there" if fault.errno == errno.EADDRINUSE else str(fault.strerror)
        except OverflowError:
            return "ports go from 1 to 65535"
    return ""


def free_port() -> int:
    """A port nobody listens on now. Whoever binds it next has it, so bind soon."""
    while obstacle(port := random.randint(LOWEST, HIGHEST)):  # noqa: S311  not a secret
        pass
    return port
