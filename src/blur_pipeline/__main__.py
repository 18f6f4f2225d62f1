"""``python -m blur_pipeline``: what ``kedro run`` does, for an installed package."""

import sys
from pathlib import Path

from kedro.framework.cli.utils import find_run_command
from kedro.framework.project import configure_project


def main() -> None:
    """Run the project's ``run`` command in the current folder."""
    package_name = Path(__file__).parent.name
    configure_project(package_name)
    run = find_run_command(package_name)
    sys.exit(run(sys.argv[1:], standalone_mode=True))


if __name__ == "__main__":
    main()
