"""The predictor as a child process: `python -m egma_core.inference.process`, JSON lines in and out (see `egma_core.child`).

Commands and the events that answer them:

- `{"do": "load", "checkpoint": FOLDER, "device": "cpu"}` (a checkpoint or a run): `loaded` with `checkpoint` (the folder's name), `grid`
  [rows, columns], `size_px`, `score` (`global` or `fine_grained`), `reference_films` (how many validation films of its run
  the scores are relative to) and `provenance`. Films must be sent again.
- `{"do": "film", "path": FILE, "id": ID, "frame": 0}`: `film` with `id` and `image_shape` [rows, columns].
- `{"do": "predict", "id": ID, "prompts": {CLASS: [SENTENCE, ...]}}`: `prediction` with `id`, `classes`, `scores`,
  `probabilities`, `sentences`, `sentence_scores`, `maps` (a list of rows a sentence), `image_to_network`
  [xx, xy, yx, yy, dx, dy], `size_px` and `image_shape`.
- anything that goes wrong: `error` with `what` and `remedy`.

Films are held in memory only, the last few of them; nothing is written anywhere.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any, cast

from egma_core.child import Channel, Command, serve
from egma_core.errors import ConfigError
from egma_core.inference.packages import unusable
from egma_core.inference.prediction import Prediction
from egma_core.inference.prompts import PromptSet

if TYPE_CHECKING:
    from egma_core.inference.predictor import EncodedFilm, Predictor

KEPT_FILMS = 16


class Service:
    """Answers commands with a checkpoint and the last few films it was shown."""

    def __init__(self, channel: Channel) -> None:
        """Answer on `channel`; nothing is loaded yet."""
        self._channel = channel
        self._predictor: Predictor | None = None
        self._films: OrderedDict[str, EncodedFilm] = OrderedDict()

    def handle(self, command: Command) -> None:
        """Carry out one command.

        Raises:
            EgmaError: It cannot be carried out.
        """
        if command.do == "load":
            self._load(**command.fields({"checkpoint": str}, {"device": str}))
        elif command.do == "film":
            self._film(**command.fields({"path": str, "id": str}, {"frame": int}))
        elif command.do == "predict":
            self._predict(**command.fields({"id": str, "prompts": dict}))
        else:
            raise ConfigError(f"There is no command '{command.do}'.", "Known are load, film, predict and quit.")

    def _load(self, checkpoint: str, device: str = "cpu") -> None:
        try:
            # torch takes seconds to import; the window need not wait for them before it has chosen a checkpoint.
            from egma_core.inference.predictor import Predictor
            from egma_core.inference.reference import reference_films
            from egma_core.model.checkpoint import read_provenance
        except ImportError as error:
            raise unusable(error, "Prediction") from error
        self._predictor = None
        self._films.clear()
        predictor = Predictor(checkpoint, device)
        reference = reference_films(predictor.checkpoint)
        predictor.centre_on(predictor.encode_many(reference))
        self._predictor = predictor
        config = predictor.model.config
        self._channel.emit(
            "loaded",
            checkpoint=predictor.checkpoint.name,
            grid=list(predictor.model.grid),
            size_px=config.vision.size_px,
            score=config.score,
            reference_films=len(reference),
            provenance=read_provenance(predictor.checkpoint),
        )

    def _film(self, path: str, id: str, frame: int = 0) -> None:
        film = self._loaded().encode(path, frame)
        self._films[id] = film
        self._films.move_to_end(id)
        while len(self._films) > KEPT_FILMS:
            self._films.popitem(last=False)
        self._channel.emit("film", id=id, image_shape=list(film.image_shape))

    def _predict(self, id: str, prompts: dict[str, Any]) -> None:
        predictor = self._loaded()
        film = self._films.get(id)
        if film is None:
            raise ConfigError("The film to predict was not sent, or too many came after it.", "Send it again.")
        self._films.move_to_end(id)
        prediction = predictor.predict(film, PromptSet("", {name: _sentences(name, own) for name, own in prompts.items()}))
        self._channel.emit("prediction", id=id, **_plain(prediction))

    def _loaded(self) -> Predictor:
        if self._predictor is None:
            raise ConfigError("No checkpoint is loaded.", "Choose one first.")
        return self._predictor


def _sentences(name: str, own: object) -> tuple[str, ...]:
    if not isinstance(own, list) or not all(isinstance(sentence, str) for sentence in cast(list[object], own)):
        raise ConfigError(f"The prompts of the class '{name}' are no list of sentences.", "Send {CLASS: [SENTENCE, ...]}.")
    return tuple(cast(list[str], own))


def _plain(prediction: Prediction) -> dict[str, Any]:
    first = prediction.maps[0]
    to_network = first.grid.image_to_network
    return {
        "classes": list(prediction.classes),
        "scores": prediction.scores.tolist(),
        "probabilities": prediction.probabilities.tolist(),
        "sentences": list(prediction.sentences),
        "sentence_scores": prediction.sentence_scores.tolist(),
        "maps": [similarity.cosine.tolist() for similarity in prediction.maps],
        "image_to_network": [to_network.xx, to_network.xy, to_network.yx, to_network.yy, to_network.dx, to_network.dy],
        "size_px": first.grid.size_px,
        "image_shape": list(first.image_shape),
    }


def main() -> None:
    """Serve on this process's stdin and stdout until stdin ends."""
    channel = Channel.standard()
    serve(channel, Service(channel).handle)


if __name__ == "__main__":
    main()
