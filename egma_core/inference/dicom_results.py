"""A prediction as DICOM objects: the film with its best map for people; all maps and the scores for machines."""

from __future__ import annotations

from pathlib import Path

from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.errors import InterchangeError, MissingExtraError
from egma_core.files import disk_in_words
from egma_core.inference.prediction import Prediction
from egma_core.inference.similarity import on_image
from egma_core.overlay.maps import similarity_range, similarity_rgba
from egma_core.overlay.picture import compose, titled

MARK = "Research use only, not for diagnosis."
_TITLE = "EGMA zero-shot prediction"


def export_prediction(film: str | Path, prediction: Prediction, folder: str | Path, *, model: str) -> tuple[Path, ...]:
    """Write a Secondary Capture, a Segmentation with one segment a prompt, and a Structured Report, all referring to the film.

    Args:
        film: The film that was predicted, de-identified, of one frame.
        prediction: What the model said of it.
        folder: Where the files go; made if need be.
        model: Which model it was, such as a checkpoint's hash.

    Raises:
        PrivacyError: The film still says who its patient is.
        MissingExtraError: highdicom is not installed.
        ImageError: The film cannot be read, or is of several frames.
        InterchangeError: A file cannot be written.
    """
    try:
        from egma_core.dicom.exports.report import Score, write_report
        from egma_core.dicom.exports.secondary_capture import write_secondary_capture
        from egma_core.dicom.exports.segmentation import FilmMap, write_segmentation
    except ImportError as error:
        raise MissingExtraError("Writing a prediction as DICOM", "dicom-out") from error
    with disk_in_words(InterchangeError, f"The folder {folder} cannot be made"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    spread = [(one.sentence, on_image(one)) for one in prediction.maps]
    sentence, values = spread[int(prediction.sentence_scores.argmax())]
    picture = titled(compose(render(read_image(film)), similarity_rgba(values)), f'EGMA: similarity to "{sentence}". {MARK}')
    maps = [FilmMap("similarity", label, found, *similarity_range(found)) for label, found in spread]
    scores = [
        Score(name, float(score), float(share))
        for name, score, share in zip(prediction.classes, prediction.scores, prediction.probabilities, strict=True)
    ]
    return (
        write_secondary_capture(folder, film, picture, title=_TITLE).path,
        write_segmentation(folder, film, maps, title=_TITLE).path,
        write_report(folder, film, scores, model=model, title=_TITLE).path,
    )
