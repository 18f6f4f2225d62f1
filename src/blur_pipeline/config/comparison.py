"""Parameters ``comparison``: what the leaderboard ranks by."""

from __future__ import annotations

from pydantic import Field

from blur_pipeline.config.block import Block


class Comparison(Block):
    """What the leaderboard ranks finished runs by."""

    cost: str = Field("forget.probability", description="lower is better: across in the Pareto plot")
    gain: str = Field("model_utility", description="higher is better: up in the Pareto plot")
    shown: list[str] = Field(
        default_factory=lambda: ["forget_quality", "forget.rouge", "retain.probability", "retain.rouge"],
        description="further metrics in the leaderboard",
    )
