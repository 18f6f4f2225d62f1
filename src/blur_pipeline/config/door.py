"""What must hold before any work is spent, beyond what the parameters' types say."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Container
from importlib.util import find_spec
from pathlib import Path

from blur_pipeline.config.compiler import require_compiler
from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.general import GeneralTask
from blur_pipeline.config.given_model import require_given_model
from blur_pipeline.config.lessons import require_lessons
from blur_pipeline.config.models import Given, Scores, Training
from blur_pipeline.config.parameters import Parameters
from blur_pipeline.config.safety import ForbiddenPrompts
from blur_pipeline.config.source_folder import require_source_folder
from blur_pipeline.config.stress import not_evaluated
from blur_pipeline.config.time_limit import time_limit
from blur_pipeline.corpus import punkt
from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.corpus.files import existing, read_prompts
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.sources import FileSource, MixedSource
from blur_pipeline.models.sources import ModelSource, PretrainedModel, SavedScores
from blur_pipeline.models.whole import require_causal, require_room, require_whole
from blur_pipeline.scoring.harness_tasks import LOCAL_TASKS
from blur_pipeline.scoring.saved import require_tables

log = logging.getLogger(__name__)
TEMPLATE_SECONDS = 5.0
PROCESSES_A_CORE = 4
WITH_A_MODEL = {"tokenizer", "base_model", *(f"{m}_model" for m in ("target", "retrained", "unlearned"))} | {
    f"{m}.token_scores" for m in ("target", "retrained", "unlearned")
}


def preflight(parameters: Parameters, data_folder: Path, made: Container[str]) -> None:
    """Look at the folder, the files, the device and the models that a run will need.

    ``made`` are the outputs of the pipeline: what no node of it needs is not looked at.

    Raises:
        BadInputError: the first thing that is missing, and how to mend it.
    """
    _writable(data_folder)
    require_source_folder(parameters)
    require_lessons(parameters, made)
    for output, sources in (("raw_rows", parameters.sources.of_training()),
                            ("raw_questions", parameters.sources.of_evaluation()),
                            ("raw_further", parameters.sources.of_lessons())):  # fmt: skip
        for source in sources.values() if output in made else ():
            if isinstance(source, FileSource | MixedSource):
                source.files()
    if not any(name in made for name in WITH_A_MODEL):
        return  # no model in this run: a comparison, a report
    for prompt in parameters.curation.set_prompts.values():
        if isinstance(prompt, PlainPrompt) and isinstance(prompt.context, FileSource):
            _ = prompt.before
    for name, task in parameters.general.tasks.items():
        _general(name, task)
    for name, prompts in parameters.safety.sets.items():
        _forbidden(name, prompts)
    if parameters.safety.sets and parameters.safety.judge:
        judge = PretrainedModel(path=parameters.safety.judge, revision=parameters.safety.judge_revision)
        require_causal(judge)
        require_whole(judge)
    _attacked(parameters)
    if parameters.evaluation.gibberish_classifier:
        from blur_pipeline.scoring.gibberish import clean_class

        clean_class(parameters.evaluation.gibberish_classifier, parameters.evaluation.gibberish_revision)
    if parameters.device == "cuda":
        _gpu()
    _engine(parameters)
    _models(parameters)


def require_inputs(missing: list[str]) -> None:
    """Raises BadInputError where a part of the protocol is run whose inputs no earlier run has left."""
    if missing:
        raise BadInputError(
            f"This run starts from {', '.join(sorted(missing))}, which no run with these parameters has left; "
            "do a whole `kedro run` with the same --env and --params, which makes what is missing."
        )


def _writable(folder: Path) -> None:
    probe = folder / f".write-test-{uuid.uuid4().hex}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        os.remove(probe)
    except OSError as error:
        raise BadInputError(
            f"{folder}: the data folder cannot be written ({error.strerror}); mend its permissions or free space."
        ) from error


def _general(name: str, task: GeneralTask) -> None:
    if name == "ifeval" and not punkt.is_there():
        raise BadInputError(
            "general.tasks.ifeval needs NLTK's punkt_tab, which is not here; fetch it with "
            "`python -m blur_pipeline.corpus.punkt`."
        )
    if task.path is None:
        return
    known = ["mmlu", *LOCAL_TASKS]
    if name not in known:
        raise BadInputError(f"general.tasks.{name}: no local form of this task is known; known are {', '.join(known)}.")
    if not existing(Path(task.path)):
        raise BadInputError(f"{task.path}: no such file or folder; mend 'general.tasks.{name}.path'.")


def _forbidden(name: str, prompts: ForbiddenPrompts) -> None:
    if not existing(Path(prompts.path)) or not Path(prompts.path).is_file():
        raise BadInputError(f"{prompts.path}: no such file; mend 'safety.sets.{name}.path'.")
    read_prompts(prompts.path, prompts.column, prompts.limit, prompts.only)


def _attacked(parameters: Parameters) -> None:
    """What attacks need beside the models, and the sets that they ask."""
    stress, evaluated = parameters.stress, parameters.evaluated()
    for attack in stress.chosen().values():
        attack.look()
    for key in ("set", "kept") if stress.chosen() else ():
        if (name := getattr(stress, key)) not in evaluated:
            raise not_evaluated(key, name)


def _gpu() -> None:
    from blur_pipeline.models.devices import resolve_device

    try:
        resolve_device("cuda")
    except ValueError as error:
        raise BadInputError(str(error)) from error


def _engine(parameters: Parameters) -> None:
    engine = parameters.training
    if engine.compiled:
        from blur_pipeline.models.devices import resolve_device

        require_compiler(on_gpu=resolve_device(parameters.device).type == "cuda")
    optimizers = [parameters.unlearning.recipe.optimizer]
    optimizers += [
        m.optimizer for m in (parameters.models.target, parameters.models.retrained) if isinstance(m, Training)
    ]
    if any(o.kind == "adamw_8bit" for o in optimizers) and find_spec("bitsandbytes") is None:
        raise BadInputError("The optimizer 'adamw_8bit' needs bitsandbytes; install the project's extra [eight_bit].")
    if engine.sharding == "fsdp" and parameters.unlearning.recipe.scope.looks:
        raise BadInputError(
            f"The method '{parameters.method}' looks at the whole model before it trains, and training.sharding 'fsdp' "
            "never has it in one place; use ddp."
        )
    if engine.distributed:
        import torch

        gpus = torch.cuda.device_count() if parameters.device != "cpu" else 0
        if gpus == 0:
            _cores(engine.processes)
        if 0 < gpus < engine.processes:
            raise BadInputError(
                f"Parameter 'training.processes' is {engine.processes}, but this machine has {gpus} GPU(s); lower it "
                "or set device to cpu."
            )


def _cores(processes: int) -> None:
    cores = os.cpu_count() or 1
    if processes > PROCESSES_A_CORE * cores:
        raise BadInputError(
            f"Parameter 'training.processes' is {processes}, but this machine has no GPU and {cores} core(s); give at "
            f"most {PROCESSES_A_CORE * cores}."
        )


def _models(parameters: Parameters) -> None:
    models = parameters.models
    prompts = (parameters.curation.prompt, *parameters.curation.set_prompts.values())
    chats = [prompt for prompt in prompts if isinstance(prompt, ChatPrompt)]
    _context("the model", models.base, parameters.curation.max_length)
    both = {"models.target": models.target, "models.retrained": models.retrained}
    given = {name: model.source() for name, model in both.items() if isinstance(model, Given)}
    local = [*([models.base] if isinstance(models.base, PretrainedModel) else []), *given.values()]
    for source in local:
        require_causal(source)
        require_whole(source)
    for name, source in given.items():
        _context(name, source, parameters.curation.max_length)
    if isinstance(models.base, PretrainedModel):
        tokenizer = models.base.tokenizer()
        for source in local:
            require_room(source, tokenizer, models.base.path)
        for prompt in chats:  # it is a program that came with the model, in a sandbox that does not mind loops
            with time_limit(TEMPLATE_SECONDS):
                prompt.prompt("?", tokenizer)
                prompt.ending(tokenizer)
    elif chats:
        raise BadInputError("curation.prompt.kind is 'chat', but a fresh model has no chat template; use kind 'plain'.")
    _layers(parameters)
    _experts(parameters)
    _base_apart(parameters)
    _holdout(parameters)
    require_given_model(parameters)
    if isinstance(models.retrained, Scores):
        require_tables(SavedScores(folder=models.retrained.path))


def _context(name: str, source: ModelSource, wanted: int) -> None:
    context = source.context_length()
    if context is not None and wanted > context:
        raise BadInputError(
            f"Parameter 'curation.max_length' is {wanted}, but {name} sees at most {context} tokens; lower it."
        )


def _layers(parameters: Parameters) -> None:
    """Losses on activations and scopes name layers, counted from 0, of the model that is to be unlearned."""
    target = parameters.models.target
    model = target.source() if isinstance(target, Given) else parameters.models.base
    recipe, method, depth = parameters.unlearning.recipe, parameters.unlearning.method, model.depth()
    named = [(f"{side}.layer", loss.reads_layer) for side, _, loss in recipe.losses()]
    named += [(f"scope.{end}", getattr(recipe.scope, end, None)) for end in ("first", "last")]
    for name, layer in named:
        if layer is not None and depth is not None and layer >= depth:
            raise BadInputError(
                f"Parameter 'unlearning.methods.{method}.{name}' is {layer}, but the model has layers 0 to "
                f"{depth - 1}; give one of them."
            )


def _experts(parameters: Parameters) -> None:
    """Of a model whose configuration counts none there are none to choose among."""
    target = parameters.models.target
    model = target.source() if isinstance(target, Given) else parameters.models.base
    if parameters.unlearning.recipe.scope.kind != "seuf":
        return
    config = model.config().get_text_config() if isinstance(model, PretrainedModel) else None
    if not any(getattr(config, name, None) for name in ("num_experts", "num_local_experts", "n_routed_experts")):
        raise BadInputError(
            f"The method '{parameters.method}' chooses among the experts of a model, but this one has none; give a "
            "mixture of experts as models.base, or another method."
        )


def _holdout(parameters: Parameters) -> None:
    """A level that is measured on the holdout needs one; rows that a given target was taught are none."""
    held_out = parameters.sources.holdout is None and parameters.curation.holdout_fraction > 0
    if held_out and isinstance(parameters.models.target, Given):
        log.warning(
            "curation.holdout_fraction takes the holdout from the retain rows, and models.target is given: if it was "
            "taught them, no membership attack and no attack's control can be read; give rows that it never saw as "
            "sources.holdout, and holdout_fraction 0"
        )
    if parameters.unlearning.recipe.measures("holdout") and not parameters.has_holdout():
        level = f"unlearning.methods.{parameters.method}.forget.level"
        raise BadInputError(
            f"The method '{parameters.method}' measures its level on the holdout, and these parameters have none; give "
            f"sources.holdout or curation.holdout_fraction, or a number as {level}."
        )


def _base_apart(parameters: Parameters) -> None:
    """An edit towards the base model, and a retrained model that is taught from it, need one that does not know."""
    models, edit = parameters.models, parameters.unlearning.edit
    base, target = models.base, models.target
    if not isinstance(target, Given) or not isinstance(base, PretrainedModel):
        return
    if (base.path, base.revision) != (target.path, target.revision):
        return
    if edit is not None and edit.needs_base:
        raise BadInputError(
            f"The method '{parameters.method}' goes back towards models.base, but models.target is that very model; "
            "give as models.base one that has not seen the forget set."
        )
    if isinstance(models.retrained, Training):
        raise BadInputError(
            "models.retrained is to be taught from models.base, but models.target is that very model, and to teach it "
            "the rest does not make it forget; give as models.base the model from before it saw the forget set, or "
            "models.retrained as {kind: absent, reason: …}."
        )
