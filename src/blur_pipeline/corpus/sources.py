"""Where rows come from: files or a folder, a hub data set at a pinned revision, the generated registry.

Whatever the source, rows end up in one frame: ``row_id, question, answer, paraphrased_question,
paraphrased_answer, alternative_answer, subject, fact, perturbed_answer, source, line, topic, max_tokens, max_blocks,
joined``.
A document is an answer without a question; a fact is the span of the answer that holds what the question asks for; an
alternative answer is a plausible one that is not true.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field, ValidationInfo, field_validator, model_validator

from blur_pipeline.config.block import Block, switched
from blur_pipeline.config.errors import BadInputError, first_line
from blur_pipeline.corpus.condensing import Condensed
from blur_pipeline.corpus.files import SUFFIXES, existing, read_file
from blur_pipeline.corpus.folders import files_of_folder, is_split
from blur_pipeline.corpus.records import BLOCKS, COLUMNS, is_wanted, require_mapped, row_of
from blur_pipeline.corpus.registry import generate_registry


class Columns(Block):
    """The names that a source uses for our columns."""

    question: str = Field("question", description="column of the question")
    answer: str = Field("answer", description="column of the right answer")
    paraphrased_question: str = Field("paraphrased_question", description="column of the question in other words")
    paraphrased_answer: str = Field(
        "paraphrased_answer", description="column of the answer in other words, which a truth ratio needs"
    )
    alternative_answer: str = Field("alternative_answer", description="column of a plausible answer that is not true")
    perturbed_answer: str = Field(
        "perturbed_answer", description="column of a list of wrong answers, which a truth ratio needs"
    )
    subject: str = Field("subject", description="column of the subject; rows of one subject are resampled together")
    fact: str = Field("fact", description="column of the span of the answer that holds what is asked for")
    text: str = Field("text", description="column of a document's text")


class TabularSource(Block):
    """What files and hub data sets share: rows of questions with answers, or documents."""

    rows: Literal["questions", "documents"] = Field(
        "questions", description="questions with answers, or documents of text alone"
    )
    columns: Columns = Columns()
    first: int = Field(0, ge=0, description="rows to leave out at the start")
    limit: int | None = Field(None, gt=0, description="rows to take from there; default: all")
    max_tokens: int | None = Field(
        None, gt=8, description="of a document's blocks, where fewer than curation.max_length"
    )
    max_blocks: int | None = Field(None, gt=0, description="of a document, from its beginning; default: all")
    joined: str | None = Field(
        None,
        min_length=1,
        description="documents are one long text, with this between them, and that is cut; null: each by itself",
    )
    min_characters: int | None = Field(None, gt=0, description="documents of fewer are left out")
    condensed: Condensed | None = Field(None, description="of each answer or text the beginning and the end alone")
    rows_per_subject: int | None = Field(
        None, gt=0, description="where no column names the subject: so many rows on end are about one (TOFU: 20)"
    )

    @model_validator(mode="after")
    def _cuts_documents(self) -> TabularSource:
        for name in ("joined", "min_characters"):
            if self.rows != "documents" and getattr(self, name) is not None:
                raise ValueError(f"{name} is said of documents, and the rows are questions; set rows: documents")
        if self.joined is not None and self.max_blocks is not None:
            raise ValueError(
                "joined makes one text of all documents, and max_blocks would keep its beginning; leave one out"
            )
        return self


class FileSource(TabularSource):
    """A file, or every file of a folder in the order of their names."""

    kind: Literal["files"] = "files"
    path: str = Field(
        description="a file, or a folder whose files are read in the order of their names; from the project's folder"
    )
    format: Literal["auto", "jsonl", "csv", "tsv", "parquet", "text"] = Field(
        "auto", description="of all the files; auto: by the end of their names"
    )
    encoding: str = Field("utf-8", description="of the files' text, as Python calls it")

    def files(self) -> list[Path]:
        """The files to read.

        Raises:
            BadInputError: nothing is there, a file that is not read, or what runs of this project have left.
        """
        path = Path(self.path)
        if existing(path) and path.is_file():
            return [path]
        split = sorted(p for p in path.parent.glob(f"{path.name}*") if is_split(p, path.name))
        if split and not path.is_dir():
            return split
        if not path.is_dir():
            raise BadInputError(
                f"{path}: no such file or folder; mend the source's path (it counts from the project's folder)."
            )
        return files_of_folder(path, self.format != "auto", self.rows == "documents")

    def records(self) -> tuple[list[dict], list[dict]]:
        """Raw rows with their file and line, and an inventory entry per file."""
        records, inventory = [], []
        for path in self.files():
            kind = SUFFIXES.get(path.suffix.lower()) if self.format == "auto" else self.format
            if kind is None:
                raise BadInputError(f"{path}: cannot tell the format from '{path.suffix}'; set 'format'.")
            found = read_file(path, kind, self.encoding)
            records += [{**row, "_source": str(path), "_line": line} for line, row in found]
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            inventory.append({"source": str(path), "sha256": digest, "rows": len(found)})
        return records, inventory


class HubSource(TabularSource):
    """A data set of the Hugging Face hub, at a revision that cannot move."""

    kind: Literal["hub"] = "hub"
    name: str = Field(description="the data set's id on the hub, such as locuslab/TOFU")
    revision: str = Field(description="a commit of 40 hexadecimal digits, so that the data cannot change")
    config: str | None = Field(None, description="the data set's configuration; default: its own")
    split: str = Field("train", description="a split, or CONFIG/SPLIT")

    @field_validator("revision")
    @classmethod
    def _pinned(cls, value: str, info: ValidationInfo) -> str:
        if len(value) != 40 or set(value) - set("0123456789abcdef"):
            raise ValueError(f"'{value}' is no commit: pin the 40 hexadecimal digits of the data set's revision")
        return value

    def records(self) -> tuple[list[dict], list[dict]]:
        """Raw rows, and an inventory entry.

        Raises:
            BadInputError: the hub does not answer or has no such data set.
        """
        from datasets import load_dataset

        where = f"{self.name}@{self.revision[:8]}"
        config, _, split = self.split.rpartition("/")
        try:
            loaded = load_dataset(self.name, config or self.config, split=split, revision=self.revision)
        except Exception as error:  # the hub raises many kinds; all of them mean the same to the user
            raise BadInputError(
                f"{where}: the hub gave no data ({type(error).__name__}: {first_line(error)}); check "
                "name, config, split and connection, or use a source of kind 'files'."
            ) from error
        rows = loaded.to_list()
        records = [{**row, "_source": where, "_line": i + 1} for i, row in enumerate(rows)]
        digest = hashlib.sha256(repr(rows).encode()).hexdigest()
        return records, [{"source": where, "sha256": digest, "rows": len(records)}]


TabularChoice = Annotated[
    Annotated[FileSource | HubSource, Field(discriminator="kind")], switched(FileSource, HubSource)
]


class GeneratedSource(Block):
    """One set of the generated registry of fictional people (registry.py)."""

    kind: Literal["generated"] = "generated"
    set: Literal["forget", "retain", "holdout", "real_authors", "world_facts", "traces", "cot"] = Field(
        description="which set of the registry"
    )
    people: int = Field(48, ge=3, le=900, description="people in the registry")
    forget_people: int = Field(8, ge=1, description="of whom so many are to be forgotten")
    holdout_people: int = Field(8, ge=0, description="and so many held out, seen by no model")
    seed: int = Field(0, ge=0, lt=2**32, description="of the people and their lives; default: curation.seed")
    first: int = Field(0, ge=0, description="rows to leave out at the start")
    limit: int | None = Field(None, gt=0, description="rows to take from there; default: all")
    rows: Literal["questions"] = Field("questions", description="a registry gives questions alone")
    columns: Columns = Columns()

    @model_validator(mode="after")
    def _somebody_is_retained(self) -> GeneratedSource:
        if self.forget_people + self.holdout_people >= self.people:
            raise ValueError(
                f"people is {self.people}, of whom {self.forget_people} are forgotten and {self.holdout_people} held "
                "out, so that nobody is retained; make people larger"
            )
        return self

    def records(self) -> tuple[list[dict], list[dict]]:
        """Generated rows, and an inventory entry whose hash is of their content."""
        rows = generate_registry(self.people, self.forget_people, self.holdout_people, self.seed)[self.set]
        where = f"generated registry, seed {self.seed}, {self.set}"
        digest = hashlib.sha256(repr(rows).encode()).hexdigest()
        records = [{**row, "_source": where, "_line": i + 1} for i, row in enumerate(rows)]
        return records, [{"source": where, "sha256": digest, "rows": len(rows)}]


class MixedSource(Block):
    """Several topics in one set, each from a source of its own: RMU steers each in a direction of its own."""

    kind: Literal["mixed"] = "mixed"
    parts: dict[str, TabularChoice] = Field(min_length=1, description="the source of each topic, by its name")

    def files(self) -> list[Path]:
        """The files of all parts that are files; BadInputError where one is missing."""
        return [file for part in self.parts.values() if isinstance(part, FileSource) for file in part.files()]


Source = Annotated[FileSource | HubSource | GeneratedSource | MixedSource, Field(discriminator="kind")]


def read_source(source: Source, set_name: str) -> tuple[pd.DataFrame, list[dict]]:
    """The rows of one set in our columns, and the inventory of what was read.

    Raises:
        BadInputError: names the file and line of a row without its required column or with a wrong type; or a column
            that the source maps and no row has.
    """
    if isinstance(source, MixedSource):
        parts = [(name, *read_source(part, f"{set_name}-{name}")) for name, part in source.parts.items()]
        rows = pd.concat([rows.assign(topic=i) for i, (_, rows, _) in enumerate(parts)], ignore_index=True)
        return rows, [{**entry, "set": set_name, "topic": name} for name, _, entries in parts for entry in entries]
    records, inventory = source.records()
    require_mapped(records, source)
    stop = None if source.limit is None else source.first + source.limit
    numbered = list(enumerate(records[source.first : stop], source.first))
    rows = [row for i, record in numbered if is_wanted(row := row_of(record, source, set_name, i), source)]
    if not rows and numbered:
        raise BadInputError(
            f"{set_name}: no document of {inventory[0]['source']} has {source.min_characters} characters; lower the "
            "source's 'min_characters'."
        )
    if not rows:
        raise BadInputError(f"{set_name}: {inventory[0]['source']} gives no row; a set must not be empty.")
    frame = pd.DataFrame(rows, columns=COLUMNS).astype(BLOCKS)
    return frame, [{"set": set_name, **entry} for entry in inventory]


def empty_rows() -> pd.DataFrame:
    """The frame of a set that was not given."""
    return pd.DataFrame(columns=COLUMNS)
