"""Files of rows."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pandas as pd

from tests.bad_inputs.row import BadInput, bytes_in, changed

GOOD = '{"question": "Who?", "answer": "Anna."}\n'


def forget(name: str, content: str | bytes, words: str, file: str = "data/x.jsonl", **more: object) -> BadInput:
    """The forget set is this file; further keys of its source in ``more``."""
    content = content.encode() if isinstance(content, str) else content

    def make(project: Path) -> None:
        bytes_in(file, content)(project)
        changed(sources__forget={"kind": "files", "path": file, **more})(project)

    return BadInput(name, words, make)


def folder(name: str, put, words: str) -> BadInput:
    """The forget set is a folder with a good file, and what ``put`` puts into it as b.jsonl."""

    def make(project: Path) -> None:
        bytes_in("data/dd/a.jsonl", GOOD.encode())(project)
        put(project / "data/dd/b.jsonl")
        changed(sources__forget={"kind": "files", "path": "data/dd"})(project)

    return BadInput(name, words, make)


def parquet(spoil) -> bytes:
    import io

    buffer = io.BytesIO()
    pd.DataFrame({"question": ["Who?"] * 500, "answer": [f"Anna {i}." for i in range(500)]}).to_parquet(buffer)
    return spoil(buffer.getvalue())


READ = [
    BadInput("no such file", "nowhere.jsonl: no such file or folder", params="sources.forget.path=nowhere.jsonl"),
    BadInput("a path of 5000 letters", "cannot be looked at|no such file", params="sources.forget.path=" + "x" * 5000),
    forget("broken JSON", GOOD + '{"question": "W', r"data/x\.jsonl, line 2: not valid JSON"),
    forget(
        "not UTF-8", GOOD.encode() + b'{"question": "\xff", "answer": "a"}', r"data/x\.jsonl, line 2: not valid utf-8"
    ),
    forget("UTF-16", GOOD.encode("utf-16"), r"data/x\.jsonl, line 1: not valid utf-8"),
    forget("an encoding that is none", GOOD, "'klingon' is no known encoding", encoding="klingon"),
    forget("a list instead of an object", GOOD + "[1, 2]\n", r"x\.jsonl, line 2: expected an object"),
    forget("a number instead of an object", "7\n", r"x\.jsonl, line 1: expected an object.*found int"),
    forget("null instead of an object", "null\n", r"x\.jsonl, line 1: expected an object.*found NoneType"),
    forget("JSON nested too deeply", GOOD + "[" * 100_000 + "\n", r"x\.jsonl, line 2: JSON nested too deeply"),
    forget(
        "a number of 5000 digits", GOOD + '{"question": 1' + "0" * 5000 + "}", r"x\.jsonl, line 2: a number too long"
    ),
    forget("half a surrogate", '{"question": "\\ud83d", "answer": "a"}', r"x\.jsonl, line 1: half of a surrogate"),
    forget(
        "an array that is broken",
        '[{"question": "a"},\n {"answer" "b"}]',
        r"x\.json, line 2: not valid JSON",
        "data/x.json",
    ),
    forget("an array of texts", '["a", "b"]', r"x\.json, line 1: a text without a .question.", "data/x.json"),
    forget("an empty file", "", r"forget: data/x\.jsonl gives no row"),
    forget("blank lines alone", "\n \n\n", r"forget: data/x\.jsonl gives no row"),
    forget("first beyond the end", GOOD, "forget: data/x.jsonl gives no row", first=5),
    forget("no answer", '{"question": "Who?"}\n', r"x\.jsonl, line 1: no column 'answer' \(it has: question\)"),
    forget(
        "an answer that is a number",
        '{"question": "a", "answer": 7}',
        r"x\.jsonl, line 1: 'answer' must be text, not int",
    ),
    forget(
        "an answer that is a list", '{"question": "a", "answer": ["b"]}', r"line 1: 'answer' must be text, not list"
    ),
    forget(
        "a question that is an object", '{"question": {}, "answer": "b"}', r"line 1: 'question' must be text, not dict"
    ),
    forget(
        "wrong answers that are true",
        GOOD[:-2] + ', "perturbed_answer": true}',
        r"line 1: 'perturbed_answer' must be a list",
    ),
    forget(
        "wrong answers that are 3", GOOD[:-2] + ', "perturbed_answer": 3}', r"line 1: 'perturbed_answer' must be a list"
    ),
    forget(
        "wrong answers in an object",
        GOOD[:-2] + ', "perturbed_answer": {"a": 1}}',
        r"'perturbed_answer' must be a list",
    ),
    forget("a mapped column that is not there", GOOD, "no column 'frage'", columns={"question": "frage"}),
    forget("a mapping misspelt", GOOD, r"'sources\.forget\.columns\.qestion' is unknown", columns={"qestion": "q"}),
    forget("documents without text", GOOD, "no column 'text'", rows="documents"),
    forget("an unknown suffix", GOOD, r"x\.foo: cannot tell the format from '\.foo'", "data/x.foo"),
    forget("CSV with a row too long", "question,answer\na,b\na,b,c,d\n", r"x\.csv, line 3: 4 cells", "data/x.csv"),
    forget("CSV with a comma in its first answer", "question,answer\na,b,c\nd,e\n", r"line 2: 3 cells", "data/x.csv"),
    forget("CSV with a row too short", "question,answer\na,b\na\n", r"x\.csv, line 3: 1 cell", "data/x.csv"),
    forget("CSV with a column twice", "question,answer,answer\na,b,c\n", r"called 'answer'", "data/x.csv"),
    forget("CSV between semicolons", "question;answer\na;b\n", r"columns between semicolons", "data/x.csv"),
    forget("CSV without a header's column", "q,a\nb,c\n", r"x\.csv, line 2: no column 'question'", "data/x.csv"),
    forget("an empty CSV", "", r"x\.csv: not valid CSV", "data/x.csv"),
    forget("CSV with a quote left open", 'question,answer\n"a,b\n', r"x\.csv", "data/x.csv"),
    forget("a header alone", "question,answer\n", r"forget: data/x\.csv gives no row", "data/x.csv"),
    forget("a text that is no Parquet", GOOD, r"x\.parquet: not a Parquet file", "data/x.parquet"),
    forget("an empty Parquet file", b"", r"x\.parquet: not a Parquet file", "data/x.parquet"),
    forget("Parquet cut short", parquet(lambda b: b[:-200]), r"x\.parquet: not a Parquet file", "data/x.parquet"),
    forget(
        "Parquet with a damaged page",
        parquet(lambda b: b[:60] + b"\xff" * 400 + b[460:]),
        r"x\.parquet: .*damaged",
        "data/x.parquet",
    ),
    folder("a pipe in the folder", lambda path: os.mkfifo(path), r"data/dd/b\.jsonl: no regular file"),
    folder("a link to nothing", lambda path: path.symlink_to("gone"), r"data/dd/b\.jsonl: a link to nothing"),
    folder("a link to itself", lambda path: path.symlink_to("b.jsonl"), r"data/dd/b\.jsonl"),
    folder("a bad second file", lambda path: path.write_text("{"), r"data/dd/b\.jsonl, line 1: not valid JSON"),
    folder(
        "a file that is not read",
        lambda path: path.with_suffix(".pdf").write_text("x"),
        r"data/dd/b\.pdf: a file of this",
    ),
    folder(
        "a note on the rows",
        lambda path: path.with_name("README.md").write_text("x"),
        r"data/dd/README\.md: Markdown is read where",
    ),
    BadInput(
        "an empty folder",
        r"data/dd: the folder holds no \.jsonl",
        lambda project: (
            (project / "data/dd").mkdir(),
            changed(sources__forget={"kind": "files", "path": "data/dd"})(project),
        ),
    ),
    BadInput(
        "a hub's branch",
        "'main' is no commit",
        changed(sources__forget={"kind": "hub", "name": "a/b", "revision": "main"}),
    ),
    BadInput(
        "no parts of a mixture", r"'sources\.forget\.parts'", changed(sources__forget={"kind": "mixed", "parts": {}})
    ),
    BadInput(
        "prompts that are not there",
        r"no\.csv: no such file; mend 'safety\.sets\.s\.path'",
        params="safety.sets.s.path=no.csv",
    ),
    BadInput(
        "prompts without their column",
        r"p\.csv, line 2: no text in column 'prompt'",
        lambda project: (
            bytes_in("data/p.csv", b"ask\nHow?\n")(project),
            changed(safety={"sets": {"s": {"path": "data/p.csv"}}})(project),
        ),
    ),
    BadInput(
        "prompts of another kind",
        r"p\.txt: prompts are read from",
        lambda project: (
            bytes_in("data/p.txt", b"How?")(project),
            changed(safety={"sets": {"s": {"path": "data/p.txt"}}})(project),
        ),
    ),
    BadInput(
        "prompts of which none is left",
        r"p\.jsonl: no row with",
        lambda project: (
            bytes_in("data/p.jsonl", json.dumps({"prompt": "How?", "kind": "b"}).encode())(project),
            changed(safety={"sets": {"s": {"path": "data/p.jsonl", "only": {"kind": "a"}}}})(project),
        ),
    ),
    BadInput(
        "an attack's prompts that are not there",
        r"no\.jsonl: no such file; mend the 'path' of the attack",
        params="stress.attacks.prompts.path=no.jsonl",
    ),
    BadInput("a task that has no local form", r"general\.tasks\.arc: no local form", params="general.tasks.arc.path=x"),
    BadInput(
        "a task's file that is not there",
        r"mend 'general\.tasks\.wmdp_bio\.path'",
        params="general.tasks.wmdp_bio.path=x.json",
    ),
    BadInput(
        "a classifier that is not there",
        r"mend 'evaluation\.gibberish_classifier'",
        params="evaluation.gibberish_classifier=nowhere",
    ),
    BadInput(
        "saved scores that are not there",
        r"holds no token_scores\.parquet; mend 'models\.retrained\.path'",
        params="models.retrained.kind=scores,models.retrained.path=data",
    ),
    BadInput(
        "saved scores that are no Parquet",
        r"token_scores\.parquet: cannot be read as Parquet",
        lambda project: (
            bytes_in("data/s/token_scores.parquet", b"x")(project),
            changed(models__retrained={"kind": "scores", "path": "data/s"})(project),
        ),
    ),
]

COMMANDS = [
    *(row for row in READ if row.name in ("Parquet with a damaged page", "a pipe in the folder")),
    *(replace(row, opened=True) for row in READ if row.name == "broken JSON"),
    BadInput(
        "the same rows to forget and to keep",
        r"overlap in 1 pair\(s\): data/x\.jsonl line 1",
        lambda project: (
            bytes_in("data/x.jsonl", GOOD.encode())(project),
            changed(
                sources__forget={"kind": "files", "path": "data/x.jsonl"},
                sources__retain={"kind": "files", "path": "data/x.jsonl"},
                curation__overlap={"policy": "error"},
                curation__holdout_fraction=0.0,
            )(project),
        ),
    ),
]
