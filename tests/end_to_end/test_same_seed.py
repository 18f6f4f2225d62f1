"""The same seed gives the same weights twice on the CPU, through the whole pipeline."""

from safetensors.torch import load_file

from tests.end_to_end.conftest import SMALL, copy_project, kedro


def test_the_same_seed_gives_the_same_weights(tmp_path, finished):
    folder = copy_project(tmp_path)
    done = kedro(folder, "run", "--to-nodes", "unlearn", "--params", SMALL)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for name in ("target_model", "blur_npo/unlearned_model"):
        one, other = (
            load_file(next(f.glob(f"data/06_models/registry/{name}/*/*/model.safetensors"))) for f in (folder, finished)
        )
        assert one.keys() == other.keys()
        assert all((one[key] == other[key]).all() for key in one)
