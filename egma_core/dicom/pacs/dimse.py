"""DIMSE: C-ECHO, C-FIND, C-GET, C-MOVE and C-STORE with a PACS (PS3.4 B, C; PS3.7), by pynetdicom."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID
from pynetdicom.ae import ApplicationEntity
from pynetdicom.association import Association
from pynetdicom.events import EVT_C_STORE, EVT_CONN_OPEN, EventHandlerType
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext, build_context, build_role

from egma_core.dicom.files import BROKEN_INPUT
from egma_core.dicom.pacs.arrivals import Arrivals
from egma_core.dicom.pacs.connections import DimseConnection
from egma_core.dicom.pacs.listener import receiving, send_at_once, store_handler
from egma_core.dicom.pacs.values import STUDY_KEYS, RemoteInstance, RemoteStudy, Sent, StudyQuery
from egma_core.dicom.pixel_format import DECODERS, NATIVE
from egma_core.dicom.tags import text
from egma_core.errors import DamagedImageError, PacsError

# pynetdicom's own log lines quote what is searched for, names of patients among them.
logging.getLogger("pynetdicom").propagate = False

_VERIFICATION = UID("1.2.840.10008.1.1")
_FIND, _MOVE, _GET = (UID(f"1.2.840.10008.5.1.4.1.2.2.{part}") for part in (1, 2, 3))  # Study Root Query/Retrieve
_CONNECT_S = 10.0
_ANSWER_S = 120.0
_GRACE_S = 2.0  # a transfer that is stopped may so long end the object that it is at
_MOST_CONTEXTS = 126  # of the 128 that an association can hold
_PENDING = (0xFF00, 0xFF01)
_CHECK = "Check the connection's host, port and AE titles, and that the PACS knows ours."

_FILM_CLASSES = tuple(
    f"1.2.840.10008.5.1.4.1.1.{number}" for number in ("1", "1.1", "7", "1.2", "2", "4", "6.1", "12.1")
)  # CR, DX, SC, MG, CT, MR, US, XA: what a PACS is asked for if it doesn't say what it holds


class DimsePacs:
    """A PACS that speaks DIMSE; see `Pacs` for its methods.

    Attributes:
        connection: Where it is.
    """

    def __init__(self, connection: DimseConnection) -> None:
        """Speak to the PACS of a connection, later."""
        self.connection = connection

    def echo(self) -> None:
        """C-ECHO."""
        with self._associated([build_context(_VERIFICATION)]) as association:
            self._require(association.send_c_echo(), "answered no echo")

    def studies(self, query: StudyQuery) -> list[RemoteStudy]:
        """C-FIND of studies, at most `query.limit`."""
        found: dict[str, RemoteStudy] = {}  # some answer once for every film of a study
        with self._associated([build_context(_FIND)]) as association:
            asked = {**dict.fromkeys(STUDY_KEYS, ""), **query.keys()}
            with closing(self._answers(association, "STUDY", asked)) as answers:
                for answer in answers:
                    study = RemoteStudy.of(answer)
                    found.setdefault(study.study_uid, study)
                    if len(found) == query.limit:
                        break
        return list(found.values())

    def instances(self, study_uid: str) -> list[RemoteInstance]:
        """C-FIND of a study's series, and of each one's objects."""
        found: dict[str, RemoteInstance] = {}
        with self._associated([build_context(_FIND)]) as association:
            series = {
                text(answer, "SeriesInstanceUID"): None
                for answer in self._answers(association, "SERIES", {"StudyInstanceUID": study_uid, "SeriesInstanceUID": ""})
            }
            for uid in series:
                asked = {"StudyInstanceUID": study_uid, "SeriesInstanceUID": uid, "SOPInstanceUID": "", "SOPClassUID": ""}
                for answer in self._answers(association, "IMAGE", asked):
                    instance = RemoteInstance.of(answer, study_uid, uid)
                    found[instance.instance_uid] = instance
        return list(found.values())

    def fetch(self, wanted: Sequence[RemoteInstance], folder: Path) -> Generator[Path, None, None]:
        """C-GET, or C-MOVE where the connection has a port to listen at; files come in their own transfer syntax."""
        if not wanted:
            return
        arrivals = Arrivals(folder)
        association = self._fetching(wanted, arrivals)
        worker = threading.Thread(target=_fetch_all, args=(self, association, wanted, arrivals), daemon=True)
        with receiving(self.connection, arrivals) if self.connection.listen_port else nullcontext():
            worker.start()
            try:
                yield from arrivals.taken()
            finally:
                arrivals.stop()
                worker.join(_GRACE_S)
                if worker.is_alive():
                    association.abort()
                    association.dimse.msg_queue.put((None, None))  # whoever waits for a message learns that none will come
                    worker.join()
                association.release()

    def send(self, files: Sequence[Path], sent: Sent | None = None) -> None:
        """C-STORE of each file in its own transfer syntax."""
        kinds = dict.fromkeys(_kind(path) for path in files)
        with self._associated([build_context(*kind) for kind in kinds]) as association:
            for done, path in enumerate(files, start=1):
                try:
                    answer = association.send_c_store(path)
                except ValueError as error:
                    what = f"{self.connection.name} takes no objects of the kind of {path.name}."
                    raise PacsError(what, "Ask who runs it which kinds and transfer syntaxes it stores.") from error
                self._require(answer, f"did not take {path.name}")
                if sent is not None:
                    sent(done, len(files))

    def retrieve(self, association: Association, request: Dataset, model: UID) -> None:
        """One C-GET or C-MOVE, until its last response.

        Raises:
            PacsError: The PACS refused, or the connection was lost.
        """
        if model == _MOVE:
            answers = association.send_c_move(request, self.connection.own_title, model)
        else:
            answers = association.send_c_get(request, model)
        for status, _ in answers:
            if "Status" not in status:
                raise PacsError(f"The connection to {self.connection.name} was lost.", "Try again; what has arrived is kept.")
            if status.Status >> 12 in (0xA, 0xC):
                what = f"{self.connection.name} cannot send the study (status {status.Status:04X})."
                raise PacsError(what, "Check that the PACS knows our AE title, host and port, or fetch by C-GET.")

    @contextmanager
    def _associated(self, contexts: Sequence[PresentationContext]) -> Generator[Association, None, None]:
        association = self._associate(contexts)
        try:
            yield association
        finally:
            association.release()

    def _associate(
        self,
        contexts: Sequence[PresentationContext],
        roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
        handlers: Sequence[EventHandlerType] = (),
    ) -> Association:
        entity = ApplicationEntity(self.connection.own_title)
        entity.connection_timeout = entity.acse_timeout = _CONNECT_S
        entity.dimse_timeout = entity.network_timeout = _ANSWER_S
        association = entity.associate(
            self.connection.host,
            self.connection.port,
            contexts=list(contexts),
            ae_title=self.connection.title,
            ext_neg=list(roles),
            evt_handlers=[(EVT_CONN_OPEN, send_at_once), *handlers],
        )
        if association.is_established:
            return association
        place = f"{self.connection.name} ({self.connection.place})"
        if association.is_rejected:
            raise PacsError(f"{place} does not accept us.", _CHECK)
        if association.is_aborted and association.acceptor.primitive is not None:
            raise PacsError(f"{place} offers nothing of what was asked for.", "Ask who runs it which services it has.")
        raise PacsError(f"{place} cannot be reached.", _CHECK)

    def _fetching(self, wanted: Sequence[RemoteInstance], arrivals: Arrivals) -> Association:
        if self.connection.listen_port:
            return self._associate([build_context(_MOVE)])
        classes = tuple(dict.fromkeys(instance.sop_class_uid for instance in wanted if instance.sop_class_uid)) or _FILM_CLASSES
        return self._associate(
            [build_context(_GET), *_storage_contexts(classes)],
            [build_role(uid, scu_role=True, scp_role=True) for uid in classes],
            [(EVT_C_STORE, store_handler(arrivals))],
        )

    def _answers(self, association: Association, level: str, asked: dict[str, str]) -> Generator[Dataset, None, None]:
        model = _FIND
        done = False
        responses = association.send_c_find(_identifier(level, asked), model)
        try:
            for status, answer in responses:
                if "Status" not in status:
                    raise PacsError(f"The connection to {self.connection.name} was lost.", "Try again.")
                if status.Status not in _PENDING:
                    done = True
                    self._require(status, "does not answer the search")
                elif answer is not None:
                    yield answer
        finally:
            if not done and association.is_established:
                association.send_c_cancel(1, query_model=model)
                for _ in responses:
                    pass

    def _require(self, status: Dataset, refusal: str) -> None:
        """Raise where a response is no success; warnings (B000 and the like) pass."""
        if "Status" not in status:
            raise PacsError(f"The connection to {self.connection.name} was lost.", "Try again.")
        if status.Status != 0 and status.Status >> 12 != 0xB:
            raise PacsError(f"{self.connection.name} {refusal} (status {status.Status:04X}).", "Ask who runs it.")


def _fetch_all(pacs: DimsePacs, association: Association, wanted: Sequence[RemoteInstance], arrivals: Arrivals) -> None:
    """The thread that asks: it ends `arrivals` in any case."""
    by_move = bool(pacs.connection.listen_port)
    model = _MOVE if by_move else _GET
    error: PacsError | None = None
    try:
        for request in _requests(wanted):
            if arrivals.stopped:
                break
            pacs.retrieve(association, request, model)
    except PacsError as refusal:
        error = refusal
    except RuntimeError:  # the association is gone: pynetdicom refuses to send over it
        error = PacsError(f"The connection to {pacs.connection.name} was lost.", "Try again; what has arrived is kept.")
    finally:
        arrivals.end(error)


def _requests(wanted: Sequence[RemoteInstance]) -> Iterator[Dataset]:
    """One request an object: the one form that every PACS understands, and that leaves out what is here already."""
    for instance in wanted:
        keys = {"StudyInstanceUID": instance.study_uid, "SeriesInstanceUID": instance.series_uid, "SOPInstanceUID": instance.instance_uid}
        yield _identifier("IMAGE", keys)


def _identifier(level: str, keys: dict[str, str]) -> Dataset:
    identifier = Dataset()
    if not "".join(keys.values()).isascii():
        identifier.SpecificCharacterSet = "ISO_IR 192"
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def _storage_contexts(classes: Iterable[str]) -> list[PresentationContext]:
    """One context for each class and transfer syntax, so that the PACS need not decompress what it holds compressed."""
    return [build_context(uid, syntax) for syntax in (*NATIVE, *DECODERS) for uid in classes][:_MOST_CONTEXTS]


def _kind(path: Path) -> tuple[str, str]:
    try:
        meta = read_file_meta_info(path)
        return str(meta.MediaStorageSOPClassUID), str(meta.TransferSyntaxUID)
    except OSError as error:
        raise PacsError(f"{path.name} cannot be read ({error.strerror}).", "Check the file.") from error
    except BROKEN_INPUT as error:
        raise DamagedImageError(f"{path.name} is no DICOM file that could be sent.", "Choose DICOM files.") from error
