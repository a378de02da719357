"""What the model has answered about the film shown: by topic, and looked up by sentence."""

from __future__ import annotations

from egma_core.inference.prediction import Prediction, SimilarityMap
from egma_core.overlay.maps import similarity_range

PROMPTS, READER = "prompts", "reader"
"""Topics of questions: the classes' prompts, and the reader's own sentences."""


class Answers:
    """The predictions for one film, one a topic."""

    def __init__(self) -> None:
        """Start without any."""
        self._by_topic: dict[str, Prediction] = {}

    def __len__(self) -> int:
        """How many topics have been answered."""
        return len(self._by_topic)

    def keep(self, topic: str, prediction: Prediction) -> None:
        """Keep the answer on a topic in place of the one before."""
        self._by_topic[topic] = prediction

    def forget(self, topic: str | None = None) -> None:
        """Forget the answer on a topic, or all of them."""
        if topic is None:
            self._by_topic.clear()
        else:
            self._by_topic.pop(topic, None)

    def about(self, topic: str) -> Prediction | None:
        """The answer on a topic, or None."""
        return self._by_topic.get(topic)

    def scores(self) -> dict[str, float]:
        """The score of each of the classes' sentences."""
        prediction = self._by_topic.get(PROMPTS)
        return {} if prediction is None else dict(zip(prediction.sentences, prediction.sentence_scores.tolist(), strict=True))

    def best_class(self) -> str:
        """The class with the largest share, or ""."""
        prediction = self._by_topic.get(PROMPTS)
        return "" if prediction is None else prediction.classes[int(prediction.probabilities.argmax())]

    def map_of(self, sentence: str) -> SimilarityMap | None:
        """The similarity map of a sentence of any topic, or None."""
        return next((m for m in self._maps() if m.sentence == sentence), None)

    def common_range(self) -> tuple[float, float]:
        """Lowest and highest cosine of all maps; (0, 0) without any."""
        ranges = [similarity_range(m.cosine) for m in self._maps()]
        return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (0.0, 0.0)

    def _maps(self) -> list[SimilarityMap]:
        return [m for prediction in self._by_topic.values() for m in prediction.maps]
