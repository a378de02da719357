"""DICOMweb: QIDO-RS, WADO-RS and STOW-RS with a PACS (PS3.18 10), by dicomweb-client.

Objects are fetched with our own request, since the client parses them, and asks for them uncompressed by default: here
`transfer-syntax=*` gives the file as it is stored, byte for byte.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import requests
from dicomweb_client.web import DICOMwebClient
from pydicom.dataset import Dataset
from requests.auth import HTTPBasicAuth
from requests.exceptions import RequestException

from egma_core.dicom.files import BROKEN_INPUT, open_dataset, reading
from egma_core.dicom.pacs.connections import WebConnection
from egma_core.dicom.pacs.values import STUDY_KEYS, RemoteInstance, RemoteStudy, Sent, StudyQuery
from egma_core.dicom.tags import items
from egma_core.errors import PacsError

# These quote addresses, and addresses hold what is searched for.
for _name in ("dicomweb_client", "requests", "retrying", "urllib3"):
    logging.getLogger(_name).propagate = False
    logging.getLogger(_name).addHandler(logging.NullHandler())

_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
_TIMEOUT_S = (10.0, 120.0)  # to connect, and between two bytes
_PAGE = 200
_T = TypeVar("_T")


class _Session(requests.Session):
    """A session that gives up on a PACS that says nothing, and that writes wildcards as they are.

    Orthanc's plug-in (1.7) takes an escaped `*` for a letter; the standard of addresses (RFC 3986) asks for no escape.
    """

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        prepared = super().prepare_request(request)
        prepared.url = (prepared.url or "").replace("%2A", "*")
        return prepared

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        return super().request(*args, **{**kwargs, "timeout": kwargs.get("timeout") or _TIMEOUT_S})


class WebPacs:
    """A PACS that speaks DICOMweb; see `Pacs` for its methods.

    Attributes:
        connection: Where it is.
    """

    def __init__(self, connection: WebConnection, password: str = "") -> None:
        """Speak to the PACS of a connection, later; the password is kept in memory only."""
        self.connection = connection
        self._session = _Session()
        if connection.user:
            self._session.auth = HTTPBasicAuth(connection.user.encode(), password.encode())
        self._url = connection.url.rstrip("/")
        self._client = DICOMwebClient(self._url, session=self._session, permissive_uid=True)
        self._client.set_http_retry_params(retry=False)

    def echo(self) -> None:
        """A search for one study."""
        self._asked(lambda: self._client.search_for_studies(limit=1))

    def studies(self, query: StudyQuery) -> list[RemoteStudy]:
        """QIDO-RS of studies, at most `query.limit`, page by page."""

        def page(offset: int) -> list[dict[str, Any]]:
            wanted = min(_PAGE, query.limit - offset)
            return self._client.search_for_studies(limit=wanted, offset=offset, fields=STUDY_KEYS, search_filters=dict(query.keys()))

        return [RemoteStudy.of(answer) for answer in self._pages(page, query.limit)]

    def instances(self, study_uid: str) -> list[RemoteInstance]:
        """QIDO-RS of a study's objects."""

        def page(offset: int) -> list[dict[str, Any]]:
            return self._client.search_for_instances(study_uid, limit=_PAGE, offset=offset)

        return [RemoteInstance.of(answer, study_uid, "") for answer in self._pages(page)]

    def fetch(self, wanted: Sequence[RemoteInstance], folder: Path) -> Generator[Path, None, None]:
        """WADO-RS of each object, in its own transfer syntax."""
        for index, one in enumerate(wanted, start=1):
            url = f"{self._url}/studies/{one.study_uid}/series/{one.series_uid}/instances/{one.instance_uid}"
            content = self._asked(lambda url=url: _only_part(self._session.get(url, headers={"Accept": _AS_STORED})))
            path = folder / f"{index:06}.dcm"
            try:
                path.write_bytes(content)
            except OSError as error:
                raise PacsError(f"What arrives cannot be kept ({error.strerror}).", "Check the disk's space and rights.") from error
            yield path

    def send(self, files: Sequence[Path], sent: Sent | None = None) -> None:
        """STOW-RS, one file a request."""
        for done, path in enumerate(files, start=1):
            with reading(path) as read:
                dataset = open_dataset(read)
                answer = self._asked(lambda dataset=dataset: self._client.store_instances([dataset]))
            if list(items(answer, "FailedSOPSequence")):
                raise PacsError(f"{self.connection.name} did not take {path.name}.", "Ask who runs it which kinds of object it stores.")
            if sent is not None:
                sent(done, len(files))

    def _pages(self, page: Callable[[int], list[dict[str, Any]]], limit: int | None = None) -> list[Dataset]:
        """All answers of a search; ends at the limit, or when a page brings nothing new (some servers know no offset)."""
        found: list[dict[str, Any]] = []
        while limit is None or len(found) < limit:
            offset = len(found)
            answers = self._asked(lambda offset=offset: page(offset))
            if not answers or answers == found[-len(answers) :]:
                break
            found += answers
            if len(answers) < _PAGE:
                break
        return [Dataset.from_json(answer) for answer in found[:limit]]

    def _asked(self, ask: Callable[[], _T]) -> _T:
        name = self.connection.name
        try:
            return ask()
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 0
            if status in (401, 403):
                raise PacsError(f"{name} does not let us in.", "Check the user and the password.") from error
            raise PacsError(f"{name} refuses (HTTP {status}).", "Check the connection's address, or ask who runs it.") from error
        except requests.exceptions.SSLError as error:
            what = f"{name} does not prove who it is (TLS)."
            raise PacsError(what, "Name the authority that signed for it in the environment variable REQUESTS_CA_BUNDLE.") from error
        except RequestException as error:
            raise PacsError(f"{name} ({self.connection.url}) cannot be reached.", "Check the address and the network.") from error
        except BROKEN_INPUT as error:
            raise PacsError(f"{name} answers in a way that is not DICOMweb.", "Check the connection's address.") from error


def _only_part(response: requests.Response) -> bytes:
    """The one part of a multipart answer (RFC 2046), or the body of one that is none."""
    response.raise_for_status()
    kind, _, parameters = response.headers.get("Content-Type", "").partition(";")
    if kind.strip().lower() != "multipart/related":
        return response.content
    found = re.search(r'boundary="?([^";]+)', parameters)
    boundary = b"--" + (found[1] if found else "").encode()
    start = response.content.find(b"\r\n\r\n", response.content.find(boundary))
    end = response.content.rfind(b"\r\n" + boundary)
    if len(boundary) == 2 or start < 0 or end < start:
        raise ValueError("no part")
    return response.content[start + 4 : end]
