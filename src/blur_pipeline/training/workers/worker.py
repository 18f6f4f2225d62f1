"""One of several processes that train together; started by torch.distributed.run on every machine.

python -m torch.distributed.run … -m blur_pipeline.training.workers.worker JOB_FOLDER
"""

from __future__ import annotations

import logging
import os
import sys
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.elastic.multiprocessing.errors import record
from transformers.utils.logging import disable_progress_bar

from blur_pipeline.config.errors import TrainingFailedError
from blur_pipeline.models.anatomy import base_of
from blur_pipeline.models.devices import resolve_device
from blur_pipeline.training.loop import Run, train
from blur_pipeline.training.workers.job import Job, TellLog
from blur_pipeline.training.workers.sharding import gather

PATIENCE = timedelta(hours=4)
"""How long a rank waits for another before it gives up. NCCL's own ten minutes are short of what the first one does
alone: to prove a checkpoint of a large model by its hashes, and to write the model that was trained."""


@record  # leaves the traceback of a rank that fails in its error file
def main() -> None:
    """Train the job in the folder given; rank 0 reports, and writes the result."""
    job = Job(Path(sys.argv[1]))
    first = int(os.environ["RANK"]) == 0
    device = _device(job.text().device)
    disable_progress_bar()
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    run = job.run()
    if first:
        logging.getLogger("blur_pipeline").setLevel(logging.INFO)
        logging.getLogger("blur_pipeline").addHandler(TellLog(job))
        run.watchers.append(job.tell)
    try:
        model, history = train(job.model(), run, device, job.weights)
    except TrainingFailedError as error:
        # Every rank has seen it, and would see it again: end well, so that nothing is restarted.
        if first:
            job.fail(error)
        return
    model = whole(model, job, run) if run.engine.sharding == "fsdp" else model
    if first:
        job.finish(model.cpu(), history)
    dist.barrier()
    dist.destroy_process_group()


def _device(name: str) -> torch.device:
    device = resolve_device(name)
    if device.type != "cuda":
        return device
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
    torch.cuda.set_device(device)
    return device


def whole(model: torch.nn.Module, job: Job, run: Run) -> torch.nn.Module:
    """Rank 0: an ordinary model with the gathered weights; the others take part in the gathering."""
    weights = gather(model)
    if dist.get_rank() != 0:
        return model
    found = run.recipe.scope.open(job.model()).model
    found.load_state_dict(weights, assign=True)
    base_of(found).tie_weights()
    return run.recipe.scope.close(found.eval())


if __name__ == "__main__":
    main()
