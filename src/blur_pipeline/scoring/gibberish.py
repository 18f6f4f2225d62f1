"""A classifier of texts that says whether an answer is still language."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.models.progress import ProgressBar

CLEAN = "clean"


def clean_class(path: str, revision: str | None) -> int:
    """Which class of the classifier at ``path`` is called "clean".

    Raises:
        BadInputError: there is no such classifier, or it has no class of that name.
    """
    try:
        config = AutoConfig.from_pretrained(path, revision=revision, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise BadInputError(
            f"{path}: no classifier could be read there ({first_line(error)}); mend 'evaluation.gibberish_classifier'."
        ) from error
    labels = {name.lower(): i for i, name in config.id2label.items()}
    if CLEAN not in labels:
        raise BadInputError(
            f"{path}: the classifier has no class '{CLEAN}', only {', '.join(labels)}; "
            "give another 'evaluation.gibberish_classifier'."
        )
    return labels[CLEAN]


def cleanliness(
    path: str, revision: str | None, texts: Sequence[str], device: torch.device, batch_size: int
) -> np.ndarray:
    """``(n,)`` float64: the probability of the class "clean", as open-unlearning measures it.

    ``path`` is a sequence classifier of transformers, in a folder or on the hub
    (madhurjindal/autonlp-Gibberish-Detector-492513457 is the field's); texts are cut to what it can see.

    Raises:
        BadInputError: as ``clean_class``.
    """
    wanted = clean_class(path, revision)
    classifier = AutoModelForSequenceClassification.from_pretrained(
        path, revision=revision, dtype=torch.float32, use_safetensors=True, trust_remote_code=False
    )
    tokenizer = AutoTokenizer.from_pretrained(path, revision=revision, trust_remote_code=False)
    return _probabilities(classifier.to(device).eval(), tokenizer, texts, batch_size)[:, wanted]


@torch.inference_mode()
def _probabilities(
    classifier: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], batch_size: int
) -> np.ndarray:
    longest = min(tokenizer.model_max_length, classifier.config.max_position_embeddings)
    found = [np.empty((0, classifier.config.num_labels))]
    starts = range(0, len(texts), batch_size)
    with ProgressBar("Gibberish", len(starts)) as bar:
        for done, start in enumerate(starts):
            part = list(texts[start : start + batch_size])
            batch = tokenizer(part, padding=True, truncation=True, max_length=longest, return_tensors="pt")
            logits = classifier(**batch.to(classifier.device)).logits
            found.append(logits.double().softmax(dim=-1).cpu().numpy())
            bar({"step": done})
    return np.concatenate(found)
