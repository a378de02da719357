"""Receiving films that a PACS sends by itself or after a C-MOVE: a C-STORE provider (PS3.4 B)."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from pynetdicom.ae import ApplicationEntity
from pynetdicom.events import EVT_C_STORE, EVT_CONN_OPEN, Event
from pynetdicom.presentation import AllStoragePresentationContexts

from egma_core.dicom.pacs.arrivals import Arrivals
from egma_core.dicom.pacs.connections import DimseConnection
from egma_core.dicom.pixel_format import DECODERS, NATIVE
from egma_core.errors import ConfigError, PacsError

logging.getLogger("pynetdicom").propagate = False

_VERIFICATION = "1.2.840.10008.1.1"
_STORED = 0x0000
_NOT_NOW = 0xA700  # Refused: Out of Resources


def send_at_once(event: Event) -> None:
    """The handler of new connections: small messages do not wait for more (TCP_NODELAY), which makes transfers several times faster."""
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def store_handler(arrivals: Arrivals) -> Callable[[Event], int]:
    """The handler of C-STORE requests: success is answered when the film was dealt with."""

    def store(event: Event) -> int:
        return _STORED if arrivals.hand_in(event.encoded_dataset()) else _NOT_NOW

    return store


@contextmanager
def receiving(connection: DimseConnection, arrivals: Arrivals) -> Generator[None, None, None]:
    """Hand in whatever the connection's PACS stores here, as long as this lasts. Other senders are turned away.

    Raises:
        PacsError: Nothing can be listened to at the connection's port.
    """
    entity = ApplicationEntity(connection.own_title)
    entity.require_called_aet = True
    entity.require_calling_aet = [connection.sender or connection.title]
    entity.add_supported_context(_VERIFICATION)
    for context in AllStoragePresentationContexts:
        entity.add_supported_context(str(context.abstract_syntax), [*NATIVE, *DECODERS])
    place = (connection.listen_host, connection.listen_port)
    try:
        server = entity.start_server(
            place, block=False, evt_handlers=[(EVT_CONN_OPEN, send_at_once), (EVT_C_STORE, store_handler(arrivals))]
        )
    except OSError as error:
        what = f"Port {connection.listen_port} of {connection.listen_host} cannot be listened at ({error.strerror})."
        raise PacsError(what, "Choose another port, or end the program that has it.") from error
    try:
        yield
    finally:
        arrivals.stop()
        if server is not None:  # by its type, a server that blocks gives none
            server.shutdown()


def listen(connection: DimseConnection, folder: Path, until: threading.Event) -> Generator[Path, None, None]:
    """Receive what the PACS sends, each as a file of `folder` that belongs to the caller, until an event is set.

    Raises:
        ConfigError: The connection has no port to listen at.
        PacsError: Nothing can be listened to there.
    """
    if not connection.listen_port:
        raise ConfigError(f"The connection {connection.name} has no port to listen at.", "Add it again with --listen-port.")
    arrivals = Arrivals(folder)
    with receiving(connection, arrivals):
        yield from arrivals.taken(until)
