"""Opens the port of the service before anything else starts, or says what keeps it from that."""

from __future__ import annotations

import errno
import socket

from tokenizer.errors import ExpectedError

LARGEST = 65_535
"""Largest number of a port."""
REASONS = {
    errno.EADDRINUSE: "another program listens there: end it, or choose another port with --port (0 takes a free one)",
    errno.EACCES: "this user may not open it: choose one from 1024 with --port (0 takes a free one)",
    errno.EADDRNOTAVAIL: "this machine does not have that address: choose one that it has with --host",
}
"""What keeps a port from being opened, and what to do."""


class PortError(ExpectedError, OSError):
    """The service cannot listen where it was asked to."""

    kind = "port"


def open_port(host: str, port: int) -> socket.socket:
    """A socket that listens at a port of an address; 0 takes a free port. Raises PortError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
        opened.listen()
    except (OSError, UnicodeError) as error:
        opened.close()
        number = error.errno if isinstance(error, OSError) and not isinstance(error, socket.gaierror) else None
        reason = REASONS.get(number or 0) or f"{getattr(error, 'strerror', None) or error}: check --host and --port"
        raise PortError(f"port {port} of {host or 'all addresses'} cannot be opened: {reason}") from error
    return opened


def address_of(opened: socket.socket) -> str:
    """The URL at which a listening socket is reached."""
    name, port = opened.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
