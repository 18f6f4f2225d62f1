"""The same seed gives the same weights twice on the CPU, through the whole pipeline."""

from safetensors.torch import load_file

from tests.end_to_end.commands import kedro
from tests.end_to_end.conftest import SMALL, copy_project, newest


def test_the_same_seed_gives_the_same_weights(tmp_path, finished):
    folder = copy_project(tmp_path)
    done = kedro(folder, "run", "--to-nodes", "models.unlearning.unlearn", "--params", SMALL)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name in ("target_model", "unlearned_model"):
        below = "06_models/registry/target-*" if name == "target_model" else "06_models/registry/blur_npo-*"
        one, other = (load_file(newest(f, name, below) / "model.safetensors") for f in (folder, finished))
        assert one.keys() == other.keys()
        assert all((one[key] == other[key]).all() for key in one)
