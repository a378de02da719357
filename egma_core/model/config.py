"""The model's and the losses' configuration: every default is the method's correct form (arXiv 2403.12416)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from egma_core.options import group, option

FINE_GRAINED_FORMS = ("correct", "legacy", "legacy_masked", "legacy_transposed")
"""Forms of the fine-grained contrast; see `fine_grained_loss`."""

MAPPING_FORMS = ("correct", "legacy", "plain_v1", "plain_v2", "gaze_v1", "gaze_v2", "gaze_v3", "gaze_v4", "gaze_v5")
"""Forms of the cross-modality mapping; see `mapping_loss`."""

RELEASED_GAZE_ALPHA = 0.8
RELEASED_GAZE_THRESHOLD = 0.0


@dataclass(frozen=True)
class VisionConfig:
    """The image encoder."""

    kind: str = option(
        "tiny", "tiny: a small fast encoder of our own; transformers: any backbone with a patch grid", choices=("tiny", "transformers")
    )
    source: str = option("", "Local folder or hub name of a transformers backbone; empty for a fresh small one")
    family: str = option("swin", "Which transformers backbone a fresh small one is", choices=("swin", "vit", "convnext"))
    size_px: int = option(224, "Side of the square picture the encoder sees", unit="px", low=32, high=2048)
    levels: int = option(
        1, "Patch grids that are aligned with sentences, the coarsest first (Swin at 224 px: 7, 14, 28 cells a side)", low=1, high=3
    )
    width: int = option(96, "Channels of the tiny encoder's tokens, and of a fresh small ViT's", low=8, high=2048)
    layers: int = option(1, "Transformer layers of the tiny encoder, and of a fresh small ViT", low=1, high=48)
    patch_source: str = option(
        "post_ln", "Patch tokens after the last LayerNorm, or before it as in the paper's release", choices=("post_ln", "pre_ln")
    )


@dataclass(frozen=True)
class TextConfig:
    """The sentence encoder."""

    kind: str = option(
        "tiny", "tiny: a small word-level encoder of our own; transformers: any BERT-like model", choices=("tiny", "transformers")
    )
    source: str = option("", "Local folder or hub name of a transformers text model and tokenizer; empty for a fresh small one")
    max_tokens: int = option(77, "Longest sentence, in tokens; the rest is cut off", low=4, high=512)
    width: int = option(96, "Width of the tiny encoder", low=8, high=2048)
    layers: int = option(2, "Layers of the tiny encoder", low=1, high=48)
    pooling: str = option(
        "masked",
        "Mean over real tokens; over words alone, without the [CLS] and [SEP] of a pretrained model; or over padding too as in "
        "the paper's release",
        choices=("masked", "masked_words", "legacy_unmasked"),
    )
    by_length: bool = option(
        False,
        "Encode a batch's sentences in groups of like length, not all padded to the longest: faster, the same up to rounding, and "
        "dropout falls differently. For transformers models whose mean is not over padding",
    )


@dataclass(frozen=True)
class ModelConfig:
    """The pair of encoders and the space they share."""

    vision: VisionConfig = group(VisionConfig, "The image encoder")
    text: TextConfig = group(TextConfig, "The sentence encoder")
    embed_dim: int = option(128, "Dimensions of the shared space (the paper uses 512)", low=8, high=4096)
    score: str = option(
        "fine_grained",
        "How a film is scored against a sentence: its best patch's cosine, or the whole film's",
        choices=("fine_grained", "global"),
    )


@dataclass(frozen=True)
class LossConfig:
    """The weights, forms and thresholds of the loss terms."""

    fine_grained_weight: float = option(1.0, "Weight of the fine-grained contrast", low=0.0, high=100.0)
    gaze_weight: float = option(1.0, "Weight of the gaze loss", low=0.0, high=100.0)
    mapping_weight: float = option(1.0, "Weight of the cross-modality mapping", low=0.0, high=100.0)
    global_weight: float = option(
        1.0, "Weight of the contrast between whole film and whole report; the paper has none", low=0.0, high=100.0
    )
    positives: str = option(
        "own",
        "What a film shall match: its own report, or every report of identical text, in equal shares",
        choices=("own", "identical_text"),
    )
    gaze_form: str = option(
        "mlce",
        "mlce: looked at or not, a patch; soft: divergence from the density of gaze itself",
        choices=("mlce", "soft"),
    )
    gaze_alpha: float = option(0.5, "Share of the sentence-to-patch side in the gaze loss; the paper's release uses 0.8", low=0.0, high=1.0)
    gaze_threshold: float = option(
        0.1, "A patch counts as looked at above this share of the sentence's maximum; 0 in the release", low=0.0, high=1.0
    )
    gaze_top: float = option(0.25, "Share of the patches, the most looked at, that the soft form keeps", low=0.0, high=1.0)
    gaze_normalisation: str = option(
        "gaze",
        "Average the gaze loss over the films that have gaze, or divide its sum by all films of the batch",
        choices=("gaze", "batch"),
    )
    mapping_gaze: float = option(0.5, "Share of gaze in the mapping's weights", low=0.0, high=1.0)
    mapping_threshold: float = option(2 / 7, "Weights below this are dropped from the mapping", low=0.0, high=1.0)
    mapping_text: float = option(0.5, "Share of the text side in the mapping", low=0.0, high=1.0)
    fine_grained_form: str = option(
        "correct",
        "correct, or a form of the released code: as it is, with only its padding put right, with only its direction put right",
        choices=FINE_GRAINED_FORMS,
    )
    mapping_form: str = option(
        "correct",
        "correct, or a form of the released code with its own constants; legacy is plain_v2, which it runs",
        choices=MAPPING_FORMS,
    )
    variant: str = option("correct", "legacy puts every term in the released code's form, for comparison", choices=("correct", "legacy"))

    def spelled_out(self) -> LossConfig:
        """The same with `variant` written into the terms' own forms and constants."""
        if self.variant == "correct":
            return self
        return replace(
            self,
            variant="correct",
            fine_grained_form="legacy",
            mapping_form="legacy",
            gaze_form="mlce",
            gaze_alpha=RELEASED_GAZE_ALPHA,
            gaze_threshold=RELEASED_GAZE_THRESHOLD,
        )
