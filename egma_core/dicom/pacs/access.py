"""From a saved connection to a PACS that can be spoken to; the libraries that speak are loaded here, and may be missing."""

from __future__ import annotations

from egma_core.dicom.pacs.connections import Connection, WebConnection
from egma_core.dicom.pacs.values import Pacs
from egma_core.errors import MissingExtraError


def open_pacs(connection: Connection, password: str = "") -> Pacs:
    """The PACS of a connection; nothing is sent yet.

    Args:
        connection: Where it is.
        password: Of the connection's user, if it has one.

    Raises:
        MissingExtraError: The packages that speak its protocol are not installed.
    """
    try:
        if isinstance(connection, WebConnection):
            from egma_core.dicom.pacs.dicomweb import WebPacs

            return WebPacs(connection, password)
        from egma_core.dicom.pacs.dimse import DimsePacs

        return DimsePacs(connection)
    except ImportError as error:
        raise MissingExtraError("Speaking to a PACS", "pacs") from error
