"""Whether the data has what the method learns from, looked at before any work is spent."""

from __future__ import annotations

from collections.abc import Container

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.corpus.companions import COMPANIONS, has_companions, require_companions
from blur_pipeline.corpus.sources import HubSource, MixedSource, Source, read_source


def require_lessons(parameters: Parameters, made: Container[str]) -> None:
    """Look at the sets that the method's losses name, and at the other answers that they need.

    Raises:
        BadInputError: a set or an answer is not there, and how to mend it.
    """
    if "forget_lessons" in made:
        parameters.curation.refusals.sentences()
    if "unlearned_model" not in made:
        return
    unlearning, sources = parameters.unlearning, parameters.sources
    there = {"forget", "retain"} | {name.removeprefix("further.") for name in sources.of_lessons()}
    for name in unlearning.recipe.sets():
        if name not in there:
            raise BadInputError(
                f"The method '{unlearning.method}' learns from a set '{name}', which is not there; say where it comes "
                f"from as 'sources.further.{name}', or use another method."
            )
    for _, name, loss in unlearning.recipe.losses():
        if name != "forget" and (loss.companions or loss.needs == "reference_logprobs"):
            raise BadInputError(
                f"The method '{unlearning.method}' takes its loss '{loss.kind}' on the set '{name}', but other answers "
                "and the target model's scores are there for the forget set alone; take another loss or leave 'on' out."
            )
    needed = [name for name in unlearning.recipe.companions() if name in COMPANIONS]  # others are made of θ₀
    if needed and not _on_the_hub(sources.forget):  # those are read once, by the run itself
        rows, _ = read_source(sources.forget, "forget")
        require_companions(unlearning.method, needed, rows["row_id"].tolist(), has_companions(rows))


def _on_the_hub(source: Source) -> bool:
    parts = source.parts.values() if isinstance(source, MixedSource) else [source]
    return any(isinstance(part, HubSource) for part in parts)
