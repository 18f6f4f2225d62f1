"""What the node ``unlearn`` gives its model along: the tokenizer, and a page on what it is."""

from __future__ import annotations

from typing import Any

from blur_pipeline.config.models import Given
from blur_pipeline.config.parameters import Parameters


def with_tokenizer(model: Any, tokenizer: Any, rows: int, parameters: Parameters) -> Any:
    """The model as it is handed on, of ``rows`` to forget; somebody else's is only referred to, and stays as it is."""
    from blur_pipeline.models.handed_on import HandedOn
    from blur_pipeline.models.sources import ModelReference
    from blur_pipeline.report.model_card import model_card

    if isinstance(model, ModelReference):
        return model
    target = parameters.models.target
    made = {
        "benchmark": parameters.benchmark,
        "method": parameters.method,
        "seed": parameters.unlearning.seed,
        "rows": rows,
    }
    began_as = target.source() if isinstance(target, Given) else parameters.models.base
    return HandedOn(model, tokenizer, model_card(made, began_as, parameters.curation.prompt))
