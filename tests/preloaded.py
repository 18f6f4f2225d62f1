"""What a command of Kedro imports and sets up, done once in the server that processes are forked from."""

import gc
from importlib import import_module
from pkgutil import iter_modules

LIBRARIES = (
    *("torch", "transformers", "peft", "datasets", "pandas", "scipy.stats", "nltk", "rouge_score.rouge_scorer"),
    *("datasketch", "git", "IPython", "opentelemetry.sdk.metrics", "narwhals._pandas_like"),
    *("matplotlib.figure", "matplotlib.backends.backend_svg", "mpl_toolkits.mplot3d"),
)
TRACKING = (
    *("mlflow", "mlflow.pyfunc", "mlflow.transformers", "mlflow.sklearn", "mlflow.tracing.processor.otel"),
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
    *("alembic.command", "sqlalchemy.dialects.sqlite"),
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
LATE = ("console", "datasets", "lineage", "report", "scoring", "stress", "tracking")
"""Rooms whose modules are imported inside nodes and hooks."""

for name in (*LIBRARIES, *TRACKING, *KEDRO, *OURS):
    import_module(name)
for room in LATE:
    for module in iter_modules(import_module(f"blur_pipeline.{room}").__path__, f"blur_pipeline.{room}."):
        import_module(module.name)


def draw_once() -> None:
    """plotly imports the two hundred modules of a template with the first figure, matplotlib its fonts."""
    from plotly.graph_objects import Figure, Scatter

    from blur_pipeline.report.drawing import drawing

    points = Scatter(x=[0, 1], y=[0, 1], name="once", mode="lines+markers")
    drawing(Figure([points], {"template": "plotly_white", "title": "once"}))


def map_once() -> None:
    """Of MLflow's tables."""
    from sqlalchemy.orm import configure_mappers

    configure_mappers()


draw_once()
map_once()
gc.collect()
gc.freeze()  # a million objects that a fork need neither look through nor copy when it collects what is its own
