"""A proxy that adds TLS to a Postgres without TLS, as pgbouncer or a cloud's load balancer does.

The embedded server's binaries are built without TLS. The tests check which servers the client accepts.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.integration.security.certificates import Certificate

# the first message of a client: length 8, then this number (PostgreSQL's protocol, SSLRequest)
SSL_REQUEST = (8).to_bytes(4, "big") + (80877103).to_bytes(4, "big")


@contextmanager
def tls_front(
    host: str, backend_port: int, certificate: Certificate, *, clients: Path | None = None
) -> Iterator[int]:
    """Run the proxy and yield its port; it closes connections that do not request TLS.

    Args:
        host: Address to listen at.
        backend_port: Port of the Postgres server.
        certificate: The proxy's certificate.
        clients: Authority that must have signed a client's certificate; None requires no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    with socket.create_server((host, 0)) as listening:

        def accept() -> None:
            with suppress(OSError):  # the main thread closes the listening socket
                while True:
                    client, _ = listening.accept()
                    threading.Thread(
                        target=_serve, args=(client, context, (host, backend_port)), daemon=True
                    ).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def _serve(client: socket.socket, context: ssl.SSLContext, backend: tuple[str, int]) -> None:
    with client, suppress(OSError):  # a client that refuses the certificate ends the handshake
        if client.recv(len(SSL_REQUEST), socket.MSG_WAITALL) != SSL_REQUEST:
            return
        client.sendall(b"S")
        with (
            context.wrap_socket(client, server_side=True) as secure,
            socket.create_connection(backend) as plain,
        ):
            back = threading.Thread(target=_copy, args=(plain, secure), daemon=True)
            back.start()
            _copy(secure, plain)
            back.join(5)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
