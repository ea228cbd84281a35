"""Free ports, and probes of a broker's port."""

from __future__ import annotations

import random
import socket
import struct

HOST = "127.0.0.1"
# Below the range from which systems draw the ports of outgoing connections: else a client could
# take the port of a broker that is just down.
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
# ApiVersions, version 0: the one request that every broker answers before anything else.
# Its length; then key 18, version 0, correlation id 0, no client id.
_API_VERSIONS = struct.pack(">ihhih", 10, 18, 0, 0, -1)


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on."""
    shuffled = random.SystemRandom().sample(range(_FIRST_PORT, _LAST_PORT), 1_000)
    free = (port for port in shuffled if _is_free(port))
    return [next(free) for _ in range(count)]


def answers(host: str, port: int, timeout_s: float) -> bool:
    """Return True if a broker without TLS answers a request within `timeout_s` seconds.

    A connection alone proves nothing: the system accepts it before the broker serves.
    """
    try:
        with socket.create_connection((host, port), timeout_s) as connection:
            connection.sendall(_API_VERSIONS)
            return connection.recv(1) != b""
    except OSError:
        return False


def accepts(host: str, port: int, timeout_s: float) -> bool:
    """Return True if something accepts a connection; all that can be asked without credentials."""
    try:
        socket.create_connection((host, port), timeout_s).close()
    except OSError:
        return False
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((HOST, port))
        except OSError:
            return False
    return True
