"""Rules of the house that a linter does not know."""

import ast
import subprocess
import sys
from importlib.metadata import distributions

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from tests.conftest import PROJECT


def test_the_command_line_does_not_import_torch():
    """``kedro --help`` and ``kedro registry list`` must stay quick."""
    code = (
        "import sys; from kedro.framework.startup import bootstrap_project; bootstrap_project('.');"
        "import blur_pipeline.cli; from blur_pipeline.pipeline_registry import register_pipelines;"
        "register_pipelines(); import blur_pipeline.config.parameters;"
        "print(sorted({'torch', 'transformers', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_files_are_one_idea_long():
    long = {
        str(path.relative_to(PROJECT)): lines
        for path in (PROJECT / "src").rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 320
    }
    assert long == {}


OF_THEIR_OWN = {"corpus/smollm2.py"}
"""A GGUF file, whose hash is known, holds no code."""


UNPICKLE = ("torch.load", "pickle.load", "joblib.load")


def test_whether_code_that_comes_with_a_model_may_run_is_said_wherever_one_is_read():
    """Unsaid, transformers asks at a terminal, and whoever types "y" has run it; no file is unpickled either."""
    package, silent = PROJECT / "src" / "blur_pipeline", []
    for path in sorted(package.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            asked, said = ast.unparse(call.func), {word.arg for word in call.keywords}  # None: a dict of them
            reads = asked.startswith("Auto") and asked.endswith((".from_pretrained", ".from_config"))
            if (reads and not said & {"trust_remote_code", None}) or asked in UNPICKLE:
                silent.append(path.relative_to(package).as_posix())
    assert set(silent) == OF_THEIR_OWN


def test_ci_calls_the_readme_s_test_command():
    assert "make test" in (PROJECT / ".ci" / "run").read_text()
    assert "make test" in (PROJECT / "README.md").read_text()


def test_what_is_pinned_installs_on_every_python_we_name():
    """``requires-python`` begins at 3.11.0; Debian 12 brings 3.11.2, and one package once wanted 3.11.5."""
    asks = {dist.name: dist.metadata.get("Requires-Python") or "" for dist in distributions()}
    named = SpecifierSet(asks["blur_pipeline"])
    first = [Version(f"3.{minor}.0") for minor in range(20) if Version(f"3.{minor}.0") in named]
    assert Version("3.11.0") in first
    assert {f"{name}: {ask}" for name, ask in asks.items() if not all(v in SpecifierSet(ask) for v in first)} == set()
