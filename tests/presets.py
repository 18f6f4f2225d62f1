"""A project with a few presets of methods: to read all sixty is most of what a short command takes."""

from collections.abc import Collection
from pathlib import Path

import yaml


def keep(conf: Path, names: Collection[str]) -> None:
    """Takes every other preset out of ``conf``, in all environments; the rest stays as it is said there."""
    for file in (*conf.glob("base/parameters/methods/*.yml"), *conf.glob("*/parameters_methods*.yml")):
        said = yaml.safe_load(file.read_text())
        methods = said["unlearning"]["methods"]
        said["unlearning"]["methods"] = {name: preset for name, preset in methods.items() if name in names}
        if said["unlearning"]["methods"] or len(said) > 1 or len(said["unlearning"]) > 1:
            file.write_text(yaml.safe_dump(said, sort_keys=False))
        else:
            file.unlink()
