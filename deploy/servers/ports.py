"""Free loopback ports, and whether something answers on one."""

import socket
from contextlib import ExitStack

LOOPBACK = "127.0.0.1"


def free(count: int) -> tuple[int, ...]:
    """`count` different ports that nobody holds now; all are held while choosing, so none comes twice."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return tuple(one.getsockname()[1] for one in sockets)


def available(ports: tuple[int, ...]) -> bool:
    """Whether every one of `ports` can be bound now; a port left in TIME_WAIT counts as available."""
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def answers(port: int) -> bool:
    """Whether a server accepts connections on `port`."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False
