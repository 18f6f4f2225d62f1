"""Parameters ``unlearning``: the methods by name, the one to use, and its schedule."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from blur_pipeline.config.block import Block, switched
from blur_pipeline.config.names import instead
from blur_pipeline.config.ranges import Range, by_learning_rate
from blur_pipeline.methods.edit import EditChoice
from blur_pipeline.methods.levels import LevelHinge, LevelSquare
from blur_pipeline.methods.recipe import SIDES, Recipe
from blur_pipeline.training.schedule import Schedule
from blur_pipeline.training.stopping import Best, Fixed, Off, Stopping


def _spaced(value: Any) -> Any:
    """The command line's parameters cannot hold a list."""
    return value.split() if isinstance(value, str) else [value] if isinstance(value, int) else value


Seed = Annotated[int, Field(ge=0, lt=2**32)]


class Preset(Recipe):
    """A method under a name: its six choices, where its schedule differs from the common one, and what may be tried."""

    schedule: dict[str, Any] = Field(
        default_factory=dict, description="what differs from unlearning.schedule for this method"
    )
    ranges: dict[str, Range | None] = Field(
        default_factory=by_learning_rate, description="what a campaign varies, by dotted names of the preset"
    )


class EditPreset(Block):
    """An edit under a name, and where the schedule of the training that it begins with differs from the common one."""

    edit: EditChoice = Field(description="what is done to the weights in place of a training")
    schedule: dict[str, Any] = Field(
        default_factory=dict, description="what differs from unlearning.schedule, where the edit begins with a training"
    )
    ranges: dict[str, Range | None] = Field(default_factory=dict, description="as of any preset")


def _which(value: Any) -> str:
    """No names of fields, which would look like keys of the YAML in a sentence about a wrong one."""
    return "edited" if isinstance(value, EditPreset) or (isinstance(value, dict) and "edit" in value) else "trained"


AnyPreset = Annotated[Annotated[Preset, Tag("trained")] | Annotated[EditPreset, Tag("edited")], Discriminator(_which)]


def _require_level(loss: LevelHinge | LevelSquare) -> None:
    if loss.level == "measured" and loss.measured_on not in (known := (*SIDES, "holdout")):
        raise ValueError(f"measured_on '{loss.measured_on}' is no set of this run, which has {', '.join(known)}")


class Unlearning(Block):
    """The methods by name, the one to use, and the common schedule."""

    method: str = Field(description="the preset in use; give `method` alone, which sets both")
    seed: Seed = Field(0, description="default: seed")
    seeds: Annotated[list[Seed], BeforeValidator(_spaced)] = Field(
        default_factory=lambda: [0, 1, 2], description="of the pipeline seeds, a child run each; '0 1 2' will do"
    )
    methods: dict[str, AnyPreset] = Field(description="the presets by name")
    schedule: Schedule = Schedule()
    stopping: Annotated[Stopping, switched(Off, Fixed, Best)] = Field(
        Off(), description="when to stop, and which weights to keep"
    )

    @model_validator(mode="after")
    def _known(self) -> Unlearning:
        if self.method not in self.methods:
            known = instead(self.method, self.methods, "`kedro methods` lists them.")
            raise ValueError(f"unknown method '{self.method}'; {known}")
        for method in self.methods:
            self.schedule_of(method)
        if lacking := self.lacks(self.method):
            raise ValueError(f"method '{self.method}' {lacking}")
        for _, _, loss in self.recipe.losses():
            if isinstance(loss, LevelHinge | LevelSquare):
                _require_level(loss)
        return self

    @property
    def recipe(self) -> Recipe:
        """The six choices of the method in use; of an edit, those of the training that it begins with."""
        if self.edit is not None:
            return self.edit.training() or Recipe()
        return Recipe(**{name: getattr(self.methods[self.method], name) for name in Recipe.model_fields})

    @property
    def edit(self) -> EditChoice | None:
        """What the method in use does in place of a training; None for a recipe."""
        return getattr(self.methods[self.method], "edit", None)

    def lacks(self, method: str) -> str | None:
        """What a preset must be told before it can be used, in words; None where it is complete."""
        edit = getattr(self.methods[method], "edit", None)
        lacking = None if edit is None else edit.lacks()
        return lacking and lacking.replace("NAME", method)

    def choices(self) -> dict[str, Any]:
        """All of the method in use but its seed: what sets a configuration apart from others of the same target."""
        schedule = self.schedule_of(self.method)
        if self.edit is not None:
            trains = self.edit.training() is not None
            return {"edit": self.edit.model_dump()} | ({"schedule": schedule.model_dump()} if trains else {})
        return self.recipe.model_dump() | {
            "schedule": schedule.model_dump(),
            "stopping": self.stopping.model_dump(),
        }

    def of(self, method: str) -> Unlearning:
        """The same with another method in use."""
        return self.model_copy(update={"method": method})

    def schedule_of(self, method: str) -> Schedule:
        """The common schedule with the method's own entries over it."""
        return Schedule(**{**self.schedule.model_dump(), **self.methods[method].schedule})
