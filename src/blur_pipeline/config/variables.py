"""Which environment variables parameters may hold: what stands in a parameter is kept for others to read."""

from __future__ import annotations

from omegaconf.resolvers import oc

PLACES = ("USER", "PWD", "TMPDIR")
"""Whole names: DB_PWD is a password."""
ENDINGS = ("DIR", "FOLDER", "HOME", "PATH", "ROOT", "SCRATCH")
"""The last word of the names of places, such as DATA_DIR, or the whole name."""


class Variables:
    """The resolver ``oc.env`` of parameters: places alone.

    Parameters go to MLflow, into manifests, the report and the commands that make something again, so a token that is
    interpolated into one would be shown to everybody. Nothing of this project takes a secret as a parameter: the
    libraries read theirs (HF_TOKEN, MLFLOW_TRACKING_PASSWORD) from the environment by themselves.
    """

    def __init__(self) -> None:
        self.refused: str | None = None

    def __call__(self, name: str, *default: str | None) -> str | None:
        """The variable's value, or ``default`` where it is not set; ValueError for what is no place."""
        if name.upper() not in PLACES and name.upper().rpartition("_")[2] not in ENDINGS:
            self.refused = self.refused or (
                f"Parameters may not hold the environment variable '{name}': they are kept in MLflow, manifests and "
                "reports; name a place with HOME, USER, PWD, TMPDIR or one that ends in _DIR, _FOLDER, _HOME, _PATH, "
                "_ROOT or _SCRATCH, such as DATA_DIR, and leave secrets to the libraries that read them."
            )
            raise ValueError(self.refused)
        return oc.env(name, *default)
