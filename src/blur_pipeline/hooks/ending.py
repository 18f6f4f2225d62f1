"""What MLflow is told when a run has ended well: the outcome, the headline, the model, and a description."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from blur_pipeline.lineage.stages import MODELS

if TYPE_CHECKING:
    import pandas as pd
    from kedro.io import DataCatalog
    from kedro.pipeline import Pipeline

    from blur_pipeline.hooks.artefacts import Artefacts
    from blur_pipeline.hooks.door import DoorCheck

METRICS = {f"{model}.metrics" for model in MODELS}
"""Of what a run has seen, what its outcome is told from."""
REGISTERED = {"unlearned_model", "unlearned.metrics"}
"""Of what a run makes or finds, what a model is registered with."""
OF_ONE = {"report_html": "report.html", "report_markdown": "summary.md", "metrics_long": "metrics.json"}
OF_SEVERAL = {"leaderboard": ("leaderboard_markdown", "leaderboard.html")}
OF_SEVERAL["campaign_table"] = ("campaign_markdown", "campaign.html")
"""Tables of ranks, the pages that tell of them, and the artifacts that a description has links to."""


class Ending:
    """Of a run whose datasets are all there by now."""

    def __init__(self, door: DoorCheck, artefacts: Artefacts, catalog: DataCatalog, pipeline: Pipeline) -> None:
        self.parameters, self.place = door.parameters, door.identities.place
        self.artefacts, self.catalog = artefacts, catalog
        self.seen, self.made = pipeline.datasets(), pipeline.all_outputs()

    def tell(self) -> tuple[str | None, str | None]:
        """The outcome, and the address of the registered model; None where the run is of neither."""
        if self.seen >= METRICS:
            return self._of_one()
        if "seed_table" in self.made:
            self._of_seeds(self.catalog.load("seed_table"))
        if "shadow_table" in self.made:
            self._of_shadows(self.catalog.load("shadow_table"))
        for table, (page, artifact) in OF_SEVERAL.items():
            if page in self.made:
                self._of_several(self.catalog.load(table), self.catalog.load(page), artifact)
        return None, self._register("", {})[0]

    def _of_one(self) -> tuple[str, str | None]:
        from blur_pipeline.report.outcome import outcome
        from blur_pipeline.report.verdict import verdict
        from blur_pipeline.tracking.headline import headline, headline_table
        from blur_pipeline.tracking.notes import markdown_table, verdict_note, write_note
        from blur_pipeline.tracking.results import log_numbers, set_tags

        metrics, comparison = self._metrics(), self.parameters.comparison
        reporting = self.parameters.reporting
        found = outcome(metrics, comparison, reporting.limit, reporting.residual_limit)
        sentences = verdict(metrics, self.parameters.evaluation.equivalence_ratio)
        tags, note = {"outcome": found.state, "outcome.reason": found.reason}, verdict_note(found, sentences)
        set_tags(tags | reporting.request.tags())
        registered, logged = self._register(note, tags | self._looked())
        log_numbers(headline(metrics, comparison), logged)
        table = markdown_table(headline_table(metrics, comparison))
        write_note(f"{note}\n\n{table}", [file for name, file in OF_ONE.items() if name in self.made])
        return str(found), registered

    def _looked(self) -> dict[str, str]:
        """By whom the outcome was told, after which attacks, and within which limits: several may look at a model."""
        import mlflow

        from blur_pipeline.tracking.registration import ATTACKS, NONE

        run, stress, reporting = mlflow.active_run(), self.parameters.stress, self.parameters.reporting
        attacked = "stress_metrics" in self.seen and bool(stress.chosen())
        return {
            "outcome.run": run.info.run_id if run else "none",
            ATTACKS: stress.profile if attacked else NONE,
            "outcome.limit": f"{reporting.limit}; of residual knowledge {reporting.residual_limit}",
        }

    def _metrics(self) -> pd.DataFrame:
        """Of the three models; with what attacks found, where the run has seen it."""
        import pandas as pd

        from blur_pipeline.report.tables import long_table

        tables = {model: self.catalog.load(f"{model}.metrics") for model in MODELS}
        if "stress_metrics" in self.seen and len(stress := self.catalog.load("stress_metrics")):
            tables["unlearned"] = pd.concat([tables["unlearned"], stress], ignore_index=True)
        return long_table(tables)

    def _of_seeds(self, table: pd.DataFrame) -> None:
        from blur_pipeline.report.console_tables import over_the_seeds
        from blur_pipeline.tracking.headline import of_seeds
        from blur_pipeline.tracking.notes import markdown_table, write_note
        from blur_pipeline.tracking.results import log_numbers

        log_numbers(of_seeds(table, self.parameters.comparison))
        write_note(f"Over the seeds:\n\n{markdown_table(over_the_seeds(table))}", ["seed_table.csv"])

    def _of_shadows(self, table: pd.DataFrame) -> None:
        from blur_pipeline.report.console_tables import of_shadows
        from blur_pipeline.tracking.notes import markdown_table, write_note

        write_note(f"Shadow models:\n\n{markdown_table(of_shadows(table))}", ["shadow_table.csv"])

    def _of_several(self, table: pd.DataFrame, page: str, artifact: str) -> None:
        from blur_pipeline.report.leaderboard import first_place
        from blur_pipeline.tracking.notes import write_note

        text = page.partition("\n")[2].strip()  # its title is that of the run
        write_note(f"{first_place(table)}\n\n{text}", [artifact])

    def _register(self, note: str, tags: dict[str, str]) -> tuple[str | None, str | None]:
        """The registered model's address, and the id of the logged one if it is new."""
        import mlflow

        from blur_pipeline.tracking.registration import Registered

        wanted = self.parameters.reporting.register_model != "none"
        if not wanted or not self.made >= REGISTERED or not mlflow.active_run():
            return None, None
        name = f"{self.place}/{self.parameters.method}".replace("/", "-")
        model = Registered(name, self.artefacts.manifest("unlearned_model"), self.parameters)
        logged = model.register(Path(self.catalog["tokenizer"]._get_load_path()), note, tags)
        return model.uri, logged
