"""Measured steps as a table and as a file, so that two checkouts can stand side by side.

The file is JSON:

    {"setting": {"method": "blur_npo", "shape": "smollm2-135m", "device": "cpu", "sequences": [[128, 64], …]},
     "by": "what was measured, on what hardware, by which torch",
     "steps": {"ours fp32": {"seconds": 4.5, "peak": 3743000000, "static": 2150000000, "products": 3.7,
                             "flops": 739000000000, "matrix_peak": 190000000000}}}

``sequences`` are the tokens and the supervised tokens of each sequence of a side; ``seconds`` a median; ``peak`` and
``static`` bytes; ``products`` the seconds that a step's matrix products take by themselves; ``flops`` its operations
and ``matrix_peak`` those a second of a large matrix product. The last four may be missing. Any program can write such
a file: it need not know this project.
"""

from __future__ import annotations

import json
from pathlib import Path

Step = dict[str, float]
HEAD = (
    "| step | seconds | faster | peak, MiB | of the first | static, MiB | of the first "
    "| TFLOP | of matrix peak | products alone, s |"
)


def write(path: Path, setting: dict, by: str, steps: dict[str, Step]) -> None:
    """The file that ``read`` reads."""
    path.write_text(json.dumps({"setting": setting, "by": by, "steps": steps}, indent=1, ensure_ascii=False))


def read(path: Path, setting: dict) -> tuple[str, dict[str, Step]]:
    """Who measured, and the steps.

    Raises:
        ValueError: they are of another setting, and stand for something else.
    """
    found = json.loads(path.read_text())
    other = {key: value for key, value in setting.items() if found["setting"].get(key) != value}
    if other:
        told = "; ".join(f"{key} {found['setting'].get(key)} there, {value} here" for key, value in other.items())
        raise ValueError(f"{path} measured another step: {told}")
    return found["by"], found["steps"]


def table(steps: dict[str, Step]) -> str:
    """Markdown; the first row is what the others are compared with."""
    first = next(iter(steps.values()))
    lines = [HEAD, "| --- " * 10 + "|"]
    for name, row in steps.items():
        cells = [
            name,
            f"{row['seconds']:.3f}",
            f"{first['seconds'] / row['seconds']:.2f}×",
            f"{row['peak'] / 2**20:.0f}",
            f"{row['peak'] / first['peak']:.2f}×",
            *_static(row, first),
            *_work(row),
            f"{row['products']:.3f}" if "products" in row else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _static(row: Step, first: Step) -> list[str]:
    if "static" not in row:
        return ["", ""]
    return [f"{row['static'] / 2**20:.0f}", f"{row['static'] / first['static']:.2f}×" if "static" in first else ""]


def _work(row: Step) -> list[str]:
    if "flops" not in row or "matrix_peak" not in row:
        return ["", ""]
    share = row["flops"] / row["seconds"] / row["matrix_peak"]
    return [f"{row['flops'] / 1e12:.3f}", f"{share:.0%} of {row['matrix_peak'] / 1e12:.2f} TFLOP/s"]
