"""A model's scores of a film as a Structured Report (PS3.16 TID 1500), for machines: one group of measurements a finding."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    SourceImageForMeasurementGroup,
    TrackingIdentifier,
)
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation

from egma_core.dicom.exports.objects import (
    MAKER,
    RESEARCH,
    SCHEME,
    SERIES_NUMBERS,
    Exported,
    object_uid,
    open_source,
    program_version,
    write_object,
)
from egma_core.dicom.tags import values_of
from egma_core.errors import UnsupportedImageError

_SCORE = CodedConcept("SIMILARITY_SCORE", SCHEME, "Zero-shot similarity score")
_PREFERENCE = CodedConcept("PREFERENCE", SCHEME, "Share of preference among the classes asked for")
_INTENDED_USE = CodedConcept("INTENDED_USE", SCHEME, "Intended use")
_RESEARCH_USE = CodedConcept("RESEARCH_ONLY", SCHEME, RESEARCH)
_NO_UNITS = CodedConcept("1", "UCUM", "no units")
_RADIOGRAPHS = (ComputedRadiographyImageStorage, DigitalXRayImageStorageForPresentation)
_RADIOGRAPHY = CodedConcept("168537006", "SCT", "Plain radiography")


@dataclass(frozen=True)
class Score:
    """What a model says of one class.

    Attributes:
        finding: The class's name.
        score: Its similarity to the film.
        preference: How the model divides its preference among the classes, 0..1; not the chance that the finding is present.
    """

    finding: str
    score: float
    preference: float


def write_report(folder: str | Path, source: str | Path, scores: Sequence[Score], *, model: str, title: str) -> Exported:
    """Write scores of a film, unverified, each referring to the film and to the model.

    Args:
        folder: Where the file goes.
        source: The film, de-identified.
        scores: The scores.
        model: Which model it was, such as a checkpoint's hash.
        title: What they are, for the series' description.

    Raises:
        PrivacyError: The film still says who its patient is.
        UnsupportedImageError: There is no score, or the film cannot be referred to.
        ImageError: The film cannot be read.
        InterchangeError: The file cannot be written.
    """
    if not scores:
        raise UnsupportedImageError("There are no scores to report.", "Score the film first.")
    film = open_source(source)
    device = object_uid("device", film, model.encode())
    observer = ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=device, name=MAKER, manufacturer_name=MAKER, model_name=model[:64]
        ),
    )
    report = MeasurementReport(
        observation_context=ObservationContext(observer_device_context=observer),
        procedure_reported=_RADIOGRAPHY,
        imaging_measurements=[_group(film, score, model) for score in scores],
        title=codes.DCM.ImagingMeasurementReport,
        referenced_images=[film] if _is_described(film) else None,
    )
    told = "\n".join(f"{one.finding} {one.score!r} {one.preference!r}" for one in scores)
    made = ComprehensiveSR(
        evidence=[film],
        content=report,
        series_instance_uid=object_uid("scores series", film),
        series_number=SERIES_NUMBERS["scores"],
        sop_instance_uid=object_uid("scores", film, told.encode(), model.encode(), title.encode()),
        instance_number=1,
        manufacturer=MAKER,
        is_complete=True,
        is_final=False,
        is_verified=False,
    )
    made.ManufacturerModelName = MAKER
    made.SoftwareVersions = program_version()
    return write_object(folder, "scores", made, film, title)


def _group(film: Dataset, score: Score, model: str) -> MeasurementsAndQualitativeEvaluations:
    name = score.finding.strip() or "unnamed"
    algorithm = AlgorithmIdentification(name=MAKER, version=program_version(), parameters=[f"model {model}"[:1024]])
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=object_uid("finding", film, name.encode()), identifier=name),
        finding_type=_coded(name),
        algorithm_id=algorithm,
        measurements=[
            Measurement(name=_SCORE, value=float(score.score), unit=_NO_UNITS),
            Measurement(name=_PREFERENCE, value=float(score.preference), unit=_NO_UNITS),
        ],
        qualitative_evaluations=[QualitativeEvaluation(name=_INTENDED_USE, value=_RESEARCH_USE)],
        source_images=[SourceImageForMeasurementGroup.from_source_image(film)],
    )


def _is_described(film: Dataset) -> bool:
    """Whether a film says what the image library of a report wants to repeat of a radiograph (PS3.16 TID 1604)."""
    return film.SOPClassUID in _RADIOGRAPHS and all(len(values_of(film, k)) == 2 for k in ("PatientOrientation", "ImagerPixelSpacing"))


def _coded(name: str) -> CodedConcept:
    """A class's name as a code of our own: names are made up by whoever asks, so that no terminology has them."""
    return CodedConcept(f"C{hashlib.sha256(name.encode()).hexdigest()[:12]}", SCHEME, name[:64])
