"""Artefacts with manifests, made by hand."""

import os
from pathlib import Path

from blur_pipeline.lineage.content import Hasher, digest_of, size_of
from blur_pipeline.lineage.manifest import Made, Manifest, Parent

MADE = Made(
    node="n",
    command="kedro run",
    again="kedro run --to-outputs x",
    mlflow_run="8e0dfa1647b9489ab60126fb25db60ba",
    tracking_uri="sqlite:///mlflow.db",
    started="2026-01-01",
    finished="2026-01-01",
    seconds=1.0,
    facts={"git commit": "0" * 40, "hardware": "a machine"},
)
MADE_OF = {"decided_by": {"a": 1}}
IDENTITY = digest_of(MADE_OF)


def make(name: str, version: str, text: str, *parents: Manifest, **decided_by: object) -> Manifest:
    made_of = {"decided_by": decided_by} if decided_by else MADE_OF
    identity = digest_of(made_of)
    path = f"data/{name}-{identity}/{name}.txt/{version}/{name}.txt"
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write(text)
    manifest = Manifest(
        dataset=name,
        stage=name,
        name=f"{name}-{identity}",
        identity=identity,
        version=version,
        path=path,
        content=Hasher().tree(Path(path)),
        bytes=size_of(Path(path)),
        made_of=made_of,
        parents={p.dataset: Parent(path=p.path, identity=p.identity, content=p.content) for p in parents},
        made=MADE,
    )
    manifest.write()
    return manifest


def path_of(manifest: Manifest):
    return Path(manifest.path)
