"""The stages of the protocol, and which parameters decide which of them.

The table names every parameter: one that is missing from it is an error, so that nobody adds a parameter whose
change would go unnoticed.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from blur_pipeline.config.parameters import Parameters

MODELS = ("target", "retrained", "unlearned")
MEASURED = ("scores", "general", "safety", "metrics")
"""What is made of each model: ``scores.target`` …"""

MEANING = {
    "data": 3,
    "questions": 3,
    "lessons": 2,
    "base": 1,
    "target": 2,
    "reference": 2,
    "retrained": 2,
    "unlearned": 4,
    "scores": 3,
    "general": 3,
    "safety": 3,
    "metrics": 3,
    "stress": 6,
    "residual": 6,
    "report": 7,
    "seeds": 5,
    "shadows": 2,
}
"""A stage's meaning, as a number: raise it where the code changes what the stage gives for the same inputs."""

NOTHING: tuple[str, ...] = ()
TRAINED = ("target", "retrained", "unlearned")
DECIDES: dict[str, tuple[str, ...]] = {
    "benchmark": NOTHING,  # names the folder
    "method": NOTHING,  # unlearning.method
    "seed": NOTHING,  # the three seeds that it stands in for
    "device": NOTHING,
    "fresh": NOTHING,
    "checkpoint_folder": NOTHING,
    "variant": NOTHING,  # these three choose sources, which count by their content
    "source_folder": NOTHING,
    "data_from": NOTHING,
    "sources.forget": ("data",),
    "sources.retain": ("data",),
    "sources.holdout": ("data",),
    "sources.background": ("data",),
    "sources.evaluation": ("questions",),
    "sources.further": ("lessons",),
    "curation.seed": ("data",),
    "curation.unicode": ("data",),
    "curation.max_length": ("data",),
    "curation.too_long": ("data",),
    "curation.prompt": ("data",),
    "curation.holdout_fraction": ("data",),
    "curation.overlap": ("data",),
    "curation.refusals": ("lessons",),
    "curation.forget_variant": ("lessons",),
    "curation.core_set": ("lessons",),
    "curation.set_prompts": ("questions",),
    "curation.evaluation_rows": ("questions",),
    "curation.evaluation_blocks": ("questions",),
    "models.seed": ("base", "target", "retrained"),
    "models.base": ("base",),  # and data, by its tokenizer
    "models.target": ("target",),
    "models.retrained": ("retrained",),  # how many there are counts for metrics, by their scores
    "unlearning.method": ("unlearned",),
    "unlearning.methods": ("unlearned",),  # the one in use
    "unlearning.schedule": ("unlearned",),
    "unlearning.stopping": ("unlearned",),
    "unlearning.seed": ("unlearned",),
    "unlearning.seeds": ("seeds",),
    "training.precision": (*TRAINED, "reference", "stress"),  # which are scored and attacked as the training computes
    "training.gradient_buffer": (*TRAINED, "stress"),
    # How a training is cut into pieces rounds otherwise and means the same: a run may resume in other pieces.
    "training.micro_batch_size": NOTHING,
    "training.micro_batch_tokens": NOTHING,
    "training.layout": NOTHING,
    "training.gradient_checkpointing": NOTHING,
    "training.compiled": NOTHING,
    "training.logits_chunk": NOTHING,
    "training.processes": NOTHING,
    "training.sharding": NOTHING,
    "training.nodes": NOTHING,
    "training.rendezvous": NOTHING,
    "training.restarts": NOTHING,
    "training.checkpoint_every": NOTHING,
    "training.checkpoints_kept": NOTHING,
    "training.resume": NOTHING,
    "evaluation.tokens_per_batch": ("scores", "safety", "stress"),
    "evaluation.generation_batch": ("scores", "safety"),
    "evaluation.max_new_tokens": ("scores",),
    "evaluation.set_new_tokens": ("scores",),
    "evaluation.gradient_norms": ("scores",),
    "evaluation.gibberish_classifier": ("scores",),
    "evaluation.gibberish_revision": ("scores",),
    "evaluation.half": ("metrics",),  # all is scored either way
    "evaluation.bootstrap_samples": ("metrics", "residual", "shadows"),
    "evaluation.equivalence_ratio": ("metrics",),
    "evaluation.published_a": ("metrics",),
    "evaluation.keep_scores": NOTHING,
    "evaluation.keep_days": NOTHING,
    "general.batch_size": ("general",),
    "general.tasks": ("general",),
    "safety.sets": ("safety",),
    "safety.max_new_tokens": ("safety",),
    "safety.judge": ("safety",),
    "safety.judge_revision": ("safety",),
    "safety.template": ("safety",),
    "stress.profile": ("stress",),  # what it comes to
    "stress.profiles": NOTHING,
    "stress.attacks": NOTHING,
    "stress.set": ("stress",),
    "stress.kept": ("stress",),
    "stress.rows": ("stress",),
    "stress.measure": ("residual",),
    "stress.utility_kept": ("residual",),
    "stress.floor": ("residual",),
    "shadows.models": ("shadows",),
    "reporting.published": ("report",),
    "reporting.request": ("report",),
    "reporting.examples": ("report",),
    "reporting.limit": ("report",),
    "reporting.residual_limit": ("report",),
    "reporting.register_model": NOTHING,
    "comparison": ("report", "residual"),  # its limits decide the outcome; a leaderboard is drawn anew each time
    "campaign.path": NOTHING,  # and so is what a campaign has found
}


def kind_of(stage: str) -> str:
    """``scores.target`` is of the kind ``scores``."""
    return stage.split(".")[0]


def decided_by(parameters: Parameters) -> dict[str, dict[str, Any]]:
    """Of each kind of stage the parameters that decide it, by dotted name.

    Raises:
        LookupError: a parameter stands in no row of the table.
    """
    parts: dict[str, dict[str, Any]] = {kind: {} for kind in MEANING}
    same = {f"training.{name}": value for name, value in parameters.training.numerics().items()}
    for name, value in ((name, same.get(name, value)) for name, value in _leaves(parameters, "")):
        for kind in DECIDES[name]:
            parts[kind][name] = value
    return parts


def _leaves(block: BaseModel, prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for field in type(block).model_fields:
        name, value = f"{prefix}{field}", getattr(block, field)
        if name in DECIDES:
            found.append((name, value))
        elif isinstance(value, BaseModel):
            found += _leaves(value, f"{name}.")
        else:
            raise LookupError(f"The parameter '{name}' decides no stage; name it in lineage/stages.py.")
    return found
