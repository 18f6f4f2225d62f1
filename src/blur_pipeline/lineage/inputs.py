"""What a run reads from outside, each by its content: files by their hashes, the hub by a commit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.models import Absent, Given, Scores
from blur_pipeline.corpus.prompts import PlainPrompt, Prompt
from blur_pipeline.corpus.sources import FileSource, GeneratedSource, MixedSource, Source
from blur_pipeline.lineage.content import NOTES, WEIGHTS, Hasher
from blur_pipeline.methods.edits.choice import Edit
from blur_pipeline.models.sources import FreshModel, ModelSource, PretrainedModel, SavedScores


def is_commit(revision: str | None) -> bool:
    """Whether this is a commit of the hub: 40 hexadecimal digits, and no branch."""
    return revision is not None and re.fullmatch("[0-9a-f]{40}", revision) is not None


class Inputs:
    """Describes inputs for an identity: where a thing lies is left out, what it holds is in.

    Every method returns JSON-ready values and raises BadInputError where something cannot be read.
    """

    def __init__(self, hasher: Hasher) -> None:
        self.hasher = hasher

    def plain(self, value: Any) -> Any:
        """A parameter that is what it says, without content elsewhere."""
        if isinstance(value, BaseModel):
            return value.model_dump(mode="json")
        if isinstance(value, Mapping):
            return {str(k): self.plain(v) for k, v in value.items()}
        return value

    def source(self, source: Source | None) -> Any:
        """A source of rows; a generated or a hub one is decided by its parameters."""
        if isinstance(source, MixedSource):
            return {"kind": source.kind, "parts": self.sources(source.parts)}
        if source is None or isinstance(source, GeneratedSource):
            return self.plain(source)
        # What is said of documents has no part in questions: it came later, and theirs are what they were.
        of_documents = {"joined", "min_characters"} if source.rows == "questions" else set()
        said = source.model_dump(mode="json", exclude={"path", *of_documents})
        if isinstance(source, FileSource):
            said["files"] = [[path.suffix, self._file(path)] for path in source.files()]
        return said

    def sources(self, sources: Mapping[str, Source | None]) -> list[list[Any]]:
        """Several sources as pairs of name and content, in their order: it decides that of rows and topics."""
        return [[name, self.source(source)] for name, source in sources.items() if source is not None]

    def prompt(self, prompt: Prompt) -> Any:
        """A prompt; the examples that stand before each question count by their content."""
        said = prompt.model_dump(mode="json", exclude={"context"})
        context = prompt.context if isinstance(prompt, PlainPrompt) else None
        return said if context is None else said | {"context": self.source(context)}

    def model(self, source: ModelSource) -> Any:
        """A model with its weights."""
        if isinstance(source, FreshModel):
            return source.model_dump(mode="json")
        return self._pretrained(source, leave_out=NOTES)

    def tokenizer(self, source: ModelSource) -> Any:
        """What decides the tokens: of a fresh model the size of the vocabulary, else all files but the weights."""
        if isinstance(source, FreshModel):
            return {"kind": "fresh", "vocab_size": source.vocab_size, "context": source.context}
        return self._pretrained(source, leave_out=NOTES | WEIGHTS)

    def given(self, given: Given | Absent | Scores) -> Any:
        """A target or retrained model that is not trained here."""
        if isinstance(given, Given):
            return {"kind": given.kind, **self._pretrained(given.source(), leave_out=NOTES)}
        if isinstance(given, Scores):
            return {"kind": given.kind, "tables": self._tables(SavedScores(folder=given.path))}
        return given.model_dump(mode="json")

    def edit(self, edit: Edit) -> Any:
        """An edit; a model that it takes as it is counts by its content.

        Raises:
            BadInputError: there is no such folder.
        """
        if edit.folder is None:
            return edit.model_dump()
        if not Path(edit.folder).is_dir():
            raise BadInputError(f"{edit.folder}: no such model folder; mend the path of the edit '{edit.kind}'.")
        said = edit.model_dump(mode="json", exclude={"path"})
        return said | {"sha256": self.hasher.tree(Path(edit.folder), NOTES)}

    def path(self, path: str | None, revision: str | None = None) -> Any:
        """A local file or folder by its content; anything else is a model of the hub, which must be pinned."""
        if path is None:
            return None
        if Path(path).exists():
            return {"sha256": self.hasher.tree(Path(path))}
        if not is_commit(revision):
            raise BadInputError(f"{path}: no such file or folder; of a model of the hub, pin the commit as 'revision'.")
        return {"hub": path, "revision": revision}

    def files_of(self, value: BaseModel, *names: str) -> Any:
        """A block of parameters with the paths named counting by their content."""
        said = value.model_dump(mode="json", exclude=set(names))
        return said | {name: self.path(getattr(value, name)) for name in names}

    def _pretrained(self, source: PretrainedModel, leave_out: set[str]) -> Any:
        folder = Path(source.path)
        if folder.is_dir():
            return {"sha256": self.hasher.tree(folder, leave_out), "trust_remote_code": source.trust_remote_code}
        if not is_commit(source.revision):
            today = getattr(source.config(), "_commit_hash", None)
            raise BadInputError(
                f"{source.path}: a model of the hub may change; pin its commit as 'revision'"
                f"{f', today {today}' if today else ''}."
            )
        return {"hub": source.path, "commit": source.revision, "trust_remote_code": source.trust_remote_code}

    def _tables(self, saved: SavedScores) -> dict[str, str]:
        names = ("token_scores", "completions", "gradient_norms", "fluency", "general_answers", "forbidden_answers")
        found = {name: saved.path(name) for name in names}
        return {name: self._file(path) for name, path in found.items() if path is not None}

    def _file(self, path: Path) -> str:
        try:
            return self.hasher.file(path)
        except OSError as error:
            raise BadInputError(f"{path}: cannot be read ({error.strerror}); mend its permissions or path.") from error
