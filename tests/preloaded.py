"""What a command of Kedro imports and sets up, done once in the server that processes are forked from."""

import gc
from importlib import import_module

LIBRARIES = (
    *("torch", "transformers", "peft", "datasets", "pandas", "scipy.stats", "nltk", "rouge_score.rouge_scorer"),
    *("datasketch", "git", "IPython", "opentelemetry.sdk.metrics"),
)
TRACKING = (
    *("mlflow", "mlflow.pyfunc", "mlflow.transformers", "mlflow.sklearn", "mlflow.tracing.processor.otel"),
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
)
KEDRO = (
    *("kedro.framework.cli", "kedro.framework.cli.project", "kedro.framework.session.session"),
    *("kedro_datasets.pandas", "kedro_datasets.plotly", "kedro_datasets.json", "kedro_datasets.text"),
    *("kedro_mlflow.framework.hooks", "kedro_mlflow.framework.cli.cli", "kedro_telemetry.plugin"),
    *("kedro_viz.integrations.kedro.run_hooks", "kedro_viz.integrations.kedro.hooks"),
    "kedro_viz.launchers.cli.main",
)
OURS = (
    *("blur_pipeline.training.loop", "blur_pipeline.config.door", "blur_pipeline.pipeline_registry"),
    *("blur_pipeline.settings", "blur_pipeline.cli", "blur_pipeline.commands.run", "tests.conftest"),
)

for name in (*LIBRARIES, *TRACKING, *KEDRO, *OURS):
    import_module(name)


def draw_once() -> None:
    """plotly imports the two hundred modules of a template with the first figure."""
    from plotly import graph_objects

    graph_objects.Figure(graph_objects.Scatter(x=[0], y=[0]), {"template": "plotly_white"}).to_json()


def map_once() -> None:
    """Of MLflow's tables."""
    from sqlalchemy.orm import configure_mappers

    configure_mappers()


draw_once()
map_once()
gc.collect()
gc.freeze()  # a million objects that a fork need neither look through nor copy when it collects what is its own
