"""Attacks that train: again on what was forgotten, on half of it, on anything else; all weights, LoRA or a prompt."""

from __future__ import annotations

import copy
import logging
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from blur_pipeline.methods.optimizer import AdamW
from blur_pipeline.methods.recipe import Recipe
from blur_pipeline.methods.scope import AllWeights, Scope
from blur_pipeline.stress.choice import Access, Ask, Asked, Attack, Given
from blur_pipeline.stress.halves import By, folds
from blur_pipeline.stress.soft_prompt import SoftPrompt

if TYPE_CHECKING:
    from torch import nn

    from blur_pipeline.models.examples import Examples
    from blur_pipeline.training.loop import Look, Run, Watcher
    from blur_pipeline.training.stopping import Row

Steps = Annotated[
    tuple[Annotated[int, Field(gt=0, le=1_000_000)], ...], AfterValidator(lambda s: tuple(sorted(set(s))))
]
log = logging.getLogger(__name__)
Rates = Annotated[tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=1)]


class _Training(Attack):
    unit: ClassVar = "steps"

    steps: Annotated[Steps, Field(min_length=1)] = Field(
        (10, 30, 60), description="of the training, after which it is asked; as many as the last in all"
    )
    lr: Rates = Field((5e-4,), description="each a form of the attack; what spoils the models is void")
    batch_size: int = Field(8, gt=0, le=2**16, description="questions in a step")
    folds: Literal[1, 2] = Field(2, description="of halves: whether each is asked in its turn")
    by: By = Field("row", description="how halves are dealt out: rows of everybody, or whole subjects")

    def _train(self, given: Given, ask: Ask, lessons: Examples, asked: Asked, lr: float, name: str) -> nn.Module:
        """The model after one training, which is asked at each of ``steps`` on the way."""
        from blur_pipeline.models.examples import epoch_rows
        from blur_pipeline.models.progress import ProgressBar
        from blur_pipeline.training.loop import train

        def look(done: int, model: nn.Module) -> None:
            ask(model, asked, name, done)

        def stepped(row: Row) -> None:
            rows = epoch_rows(len(lessons), self.batch_size, given.seed, row["step"])
            ask.spend(3 * sum(len(lessons.input_ids[i]) for i in rows))

        with ProgressBar(f"{ask.name} {name}, training", max(self.steps)) as bar:
            run = self._run(given, lessons, lr, dict.fromkeys(self.steps, look), [stepped, bar])
            original = given.model.cpu()  # two of them need not lie beside a training
            trained = train(copy.deepcopy(original), run, given.device)[0]
        original.to(given.device)
        return trained

    def _run(self, given: Given, lessons: Examples, lr: float, looks: dict[int, Look], watchers: list[Watcher]) -> Run:
        """Plain training, without checkpoints, in one process: an attack is short, and what it found is kept."""
        from blur_pipeline.training.loop import Run
        from blur_pipeline.training.schedule import Schedule

        recipe = Recipe(optimizer=AdamW(lr=lr)).model_copy(update={"scope": self._scope()})
        schedule = Schedule(steps=max(self.steps), batch_size=self.batch_size, lr_curve="constant")
        engine = given.engine.model_copy(update={"processes": 1, "nodes": 1, "sharding": "ddp", "layout": "right"})
        return Run(recipe, schedule, lessons, seed=given.seed, engine=engine, watchers=watchers, looks=looks)

    def _scope(self) -> Scope:
        return AllWeights()

    def _forms(self) -> list[tuple[float, str]]:
        return [(lr, f"lr {lr:g}") for lr in self.lr]


class Relearn(_Training):
    """Fine-tuning on forget questions; ``half``: on one half, and the other is asked.

    Without halves: Łucki et al., arXiv 2409.18025, and what "relearning" means in Fan et al., arXiv 2502.05374. Halves
    whose facts do not imply each other: Deeb & Roger, arXiv 2410.08827 ("RTT"): what comes back was never taught, so it
    was still there.
    """

    kind: Literal["relearn"] = "relearn"
    access: ClassVar[Access] = "weights"
    half: bool = Field(True, description="whether one half is learnt and the other asked")
    scope: Scope = Field(AllWeights(), description="which weights the attacker trains")

    @property
    def shows(self) -> bool:
        """Without halves, what is asked is what was learnt."""
        return not self.half

    def _scope(self) -> Scope:
        return self.scope

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks at every one of ``steps``."""
        rows = list(range(len(given.forget)))
        parts = folds(given.forget, self.by, given.seed, self.folds) if self.half else [(rows, rows)]
        for lr, name in self._forms():
            for learnt, left in parts:
                lessons = given.forget.examples.take(learnt)
                self._train(given, ask, lessons, given.forget.take(left), lr, name)


class Benign(_Training):
    """An innocent fine-tuning: on retained questions, or on what has nothing to do with either set.

    Shown to bring forgotten things back by Qi et al. (arXiv 2310.03693) for safety and Hu et al. (arXiv 2406.13356) for
    unlearning. What the lessons themselves gained is asked too (``lesson``): what taught nothing shows nothing. Where
    retained questions are the lessons, one half of them is learnt, and the other shows what the model keeps.
    """

    kind: Literal["benign"] = "benign"
    access: ClassVar[Access] = "weights"
    lessons: Literal["retain", "others"] = Field("others", description="what is learnt; others: real authors, facts")
    scope: Scope = Field(AllWeights(), description="which weights the attacker trains")

    def _scope(self) -> Scope:
        return self.scope

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks at every one of ``steps``; where the run has no other questions, retained ones are the lessons."""
        others = given.others if self.lessons == "others" else None
        halves = folds(given.retain, self.by, given.seed, 1) if others is None else []
        lessons = given.retain.take(halves[0][0]) if halves else (others or given.retain)
        for lr, name in self._forms():
            ask(given.model, lessons, name, 0, of="lesson")
            trained = self._train(given, ask, lessons.examples, given.forget, lr, name)
            # Under bf16 what has been trained is back on the CPU.
            ask(trained.to(given.device), lessons, name, max(self.steps), of="lesson")


class UniversalPrompt(_Training):
    """One soft prompt for all questions, trained on one half of them, and the other half is asked with it.

    The attack in embedding space of Schwinn et al. (arXiv 2402.09063) in its universal form: a prompt for a single
    question can force any answer, even one that nobody ever learnt.
    """

    kind: Literal["soft_prompt"] = "soft_prompt"
    access: ClassVar[Access] = "activations"
    tokens: int = Field(10, ge=1, le=1000, description="virtual tokens of the prompt")
    lr: Rates = Field((0.01,), description="each a form of the attack")

    def _scope(self) -> SoftPrompt:
        return SoftPrompt(tokens=self.tokens)

    def __call__(self, given: Given, ask: Ask) -> None:
        """Asks at every one of ``steps``."""
        scope = self._scope()
        forget = given.forget.take(scope.fitting(given.model, given.forget.examples))
        if len(forget) < len(given.forget):
            left_out = len(given.forget) - len(forget)
            log.info("Stress: %d rows and a soft prompt are longer than the model's context; left out", left_out)
        for lr, name in self._forms():
            for learnt, left in folds(forget, self.by, given.seed, self.folds):
                lessons = scope.with_room(forget.examples.take(learnt))
                asked = forget.take(left)
                asked = asked.told(scope.with_room(asked.examples), asked.facts)
                self._train(given, ask, lessons, asked, lr, name)
