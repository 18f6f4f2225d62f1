"""All attacks of a profile on one model, each kept as it is done."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from blur_pipeline.models.anatomy import decoder_layers
from blur_pipeline.scoring.kept import Kept
from blur_pipeline.stress.choice import BEFORE, Asked, Attack, Given
from blur_pipeline.stress.tally import STRESS_COLUMNS, Tally

log = logging.getLogger(__name__)


def run_suite(given: Given, attacks: Mapping[str, Attack], seeds: int, place: Path | None = None) -> pd.DataFrame:
    """``STRESS_COLUMNS`` of the model before any attack and after each, with the seeds ``given.seed`` and up.

    Each outcome is kept in ``place`` as it comes; what is there is not done again, so that a suite that was broken off
    goes on, and one that asks for more does the rest.
    """
    others = _digests(given)
    todo = [(BEFORE, None, given.seed)]
    for name, attack in attacks.items():
        if (there := len(decoder_layers(given.model))) < attack.depth:
            log.info("Stress: %s needs a model of %d layers; this one has %d", name, attack.depth, there)
            continue
        todo += [(name, attack, given.seed + k) for k in range(seeds if attack.drawn else 1)]
    parts = []
    for number, (name, attack, seed) in enumerate(todo, 1):
        kept = Kept.of(place and str(place), given.model, place and _made_of(given, name, attack, seed, others))
        found, began = kept.load([], STRESS_COLUMNS), time.perf_counter()
        if found is None:
            found = _one(replace(given, seed=seed), name, attack)
            kept.save([], found)
            told = name if attack is None or not attack.drawn else f"{name}, seed {seed}"
            log.info("Stress %d of %d: %s, %.1f s", number, len(todo), told, time.perf_counter() - began)
        parts.append(found)
    return pd.concat(parts, ignore_index=True)[STRESS_COLUMNS]


def _one(given: Given, name: str, attack: Attack | None) -> pd.DataFrame:
    tally = Tally(given, name, attack)
    if attack is None:
        tally(given.model, given.forget)
    else:
        attack(given, tally)
    return tally.table


def _digests(given: Given) -> Callable[[str], str | None]:
    """Of the weights of a model beside the one that is attacked, taken when first asked for; None: there is none."""
    from blur_pipeline.models.digests import weights_digest

    @cache
    def of(name: str) -> str | None:
        model = getattr(given, name)()
        return None if model is None else weights_digest(model)

    return of


def _made_of(given: Given, name: str, attack: Attack | None, seed: int, others: Callable[[str], str | None]) -> str:
    """All that decides one outcome but the model; ``others`` gives the digests of those beside it."""
    said = None if attack is None else _said(attack)
    asked = {"forget": given.forget, "retain": given.retain, "others": given.others}
    digests = {of: None if rows is None else digest(rows) for of, rows in asked.items()}
    how = [given.prompt.model_dump(mode="json"), given.engine.numerics(), given.tokens_per_batch]
    beside = {of: others(of) for of in (attack.beside if attack is not None else ())}
    return json.dumps([name, said, seed, digests, how, beside], sort_keys=True)


def _said(attack: Attack) -> dict[str, Any]:
    """Its parameters, and what stands in the files that they name."""
    paths = {name: getattr(attack, name) for name in attack.files}
    return attack.model_dump(mode="json") | {
        name: hashlib.sha256(Path(path).read_bytes()).hexdigest() for name, path in paths.items() if path is not None
    }


def digest(asked: Asked) -> str:
    """SHA-256 of what is asked, texts and tokens."""
    from blur_pipeline.models.digests import digest_examples

    found = hashlib.sha256(asked.table.to_json().encode() + asked.facts.tobytes())
    digest_examples(found, asked.examples)
    return found.hexdigest()
