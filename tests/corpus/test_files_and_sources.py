"""Reading: every format, and every way in which a file can be wrong, named by file and line."""

import json

import pandas as pd
import pytest
from pydantic import ValidationError

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.files import read_prompts
from blur_pipeline.corpus.records import COLUMNS
from blur_pipeline.corpus.sources import FileSource, GeneratedSource, HubSource, MixedSource, read_source

ROWS = [{"question": "Who?", "answer": "Ann"}, {"question": "Where?", "answer": "Oslo"}]


def write(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return str(path)


def json_lines(rows) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet"])
def test_every_format_gives_the_same_rows(tmp_path, name):
    path = tmp_path / name
    if name.endswith(".csv"):
        pd.DataFrame(ROWS).to_csv(path, index=False)
    elif name.endswith(".parquet"):
        pd.DataFrame(ROWS).to_parquet(path)
    else:
        write(path, json_lines(ROWS))
    rows, inventory = read_source(FileSource(path=str(path)), "forget")
    assert list(rows.columns) == COLUMNS
    assert rows[["question", "answer"]].to_dict("records") == ROWS
    assert rows["row_id"].tolist() == ["forget-000000", "forget-000001"]
    assert inventory[0]["rows"] == 2
    assert len(inventory[0]["sha256"]) == 64


def test_a_json_array_is_read_too(tmp_path):
    rows, _ = read_source(FileSource(path=write(tmp_path / "a.json", json.dumps(ROWS))), "forget")
    assert len(rows) == 2


@pytest.mark.parametrize("text", ['["One.", "Two."]', '"One."\n"Two."\n'])
def test_strings_of_json_are_documents(tmp_path, text):
    """As MUSE's own files are; a line of JSON Lines may be one too."""
    path = write(tmp_path / "forget.json", text)
    rows, _ = read_source(FileSource(path=path, rows="documents"), "forget")
    assert rows["answer"].tolist() == ["One.", "Two."]
    assert rows["question"].isna().all()
    with pytest.raises(BadInputError, match=r"forget\.json, line 1: a text without a 'question'; .*'rows: documents'"):
        read_source(FileSource(path=path), "forget")
    mixed = write(tmp_path / "mixed.json", '["One.", 7]')
    with pytest.raises(BadInputError, match="line 2: expected an object"):
        read_source(FileSource(path=mixed, rows="documents"), "forget")


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path):
    write(tmp_path / "b.jsonl", json_lines(ROWS[1:]))
    write(tmp_path / "a.jsonl", json_lines(ROWS[:1]))
    rows, inventory = read_source(FileSource(path=str(tmp_path)), "retain")
    assert rows["answer"].tolist() == ["Ann", "Oslo"]
    assert len(inventory) == 2


def test_a_text_file_is_one_document(tmp_path):
    path = write(tmp_path / "a.txt", "One.\n\nTwo.\n")
    rows, _ = read_source(FileSource(path=path, rows="documents"), "forget")
    assert rows["question"].tolist() == [None]
    assert rows["answer"].tolist() == ["One.\n\nTwo.\n"]


def test_columns_can_be_mapped(tmp_path):
    path = write(tmp_path / "a.jsonl", json_lines([{"prompt": "Who?", "reply": "Ann"}]))
    source = FileSource(path=path, columns={"question": "prompt", "answer": "reply"})
    assert read_source(source, "forget")[0]["answer"].tolist() == ["Ann"]


def test_rows_on_end_are_about_one_subject_where_no_column_names_it(tmp_path):
    lines = [{"question": f"q{i}", "answer": "a"} for i in range(5)]
    lines[2]["subject"] = "Ada"
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    rows, _ = read_source(FileSource(path=str(path), first=1, rows_per_subject=2), "forget")
    assert rows["subject"].tolist() == ["forget 0", "Ada", "forget 1", "forget 2"]
    rows, _ = read_source(FileSource(path=str(path)), "forget")
    assert rows["subject"].isna().tolist() == [True, True, False, True, True]


def test_first_and_limit_keep_the_row_s_own_number(tmp_path):
    path = write(tmp_path / "a.jsonl", json_lines(ROWS * 3))
    rows, _ = read_source(FileSource(path=path, first=2, limit=2), "forget")
    assert rows["row_id"].tolist() == ["forget-000002", "forget-000003"]
    assert rows["line"].tolist() == [3, 4]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"question": "a", "answer": "b"}\n{"question": \n', "line 2: not valid JSON"),
        ('{"question": "a", "answer": "b"}\n[1, 2]\n', "line 2: expected an object"),
        ('{"question": "a", "reply": "b"}\n', "line 1: no column 'answer'.*it has: question, reply"),
        ('{"question": "a", "answer": 7}\n', "line 1: 'answer' must be text, not int"),
        ("", "gives no row"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, message):
    path = write(tmp_path / "bad.jsonl", text)
    with pytest.raises(BadInputError, match=message):
        read_source(FileSource(path=path), "forget")


def test_a_wrong_encoding_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "a.jsonl", json_lines([ROWS[0]]) + '{"question": "é", "answer": "b"}', "latin-1")
    with pytest.raises(BadInputError, match="line 2: not valid utf-8"):
        read_source(FileSource(path=path), "forget")
    assert len(read_source(FileSource(path=path, encoding="latin-1"), "forget")[0]) == 2


def test_an_unknown_encoding_is_named(tmp_path):
    with pytest.raises(BadInputError, match="'utf-9' is no known encoding"):
        read_source(FileSource(path=write(tmp_path / "a.jsonl", "{}"), encoding="utf-9"), "forget")


def test_missing_file_and_empty_folder(tmp_path):
    with pytest.raises(BadInputError, match="no such file or folder"):
        FileSource(path=str(tmp_path / "none.jsonl")).files()
    with pytest.raises(BadInputError, match="holds no"):
        FileSource(path=str(tmp_path)).files()


def test_broken_csv_and_parquet(tmp_path):
    for name in ("a.csv", "a.parquet"):
        write(tmp_path / name, 'a,b\n"unclosed,1\n2,3,4,5\n')
        with pytest.raises(BadInputError, match="not"):
            read_source(FileSource(path=str(tmp_path / name)), "forget")


def test_a_hub_revision_must_be_pinned():
    with pytest.raises(ValidationError, match="is no commit"):
        HubSource(name="locuslab/TOFU", revision="main")


def test_a_hub_that_does_not_answer_is_one_sentence():
    source = HubSource(name="nobody/nothing", revision="0" * 40)
    with pytest.raises(BadInputError, match="the hub gave no data") as caught:
        read_source(source, "forget")
    assert "\n" not in str(caught.value)


def test_hub_rows_arrive_like_any_others(monkeypatch):
    import datasets

    made = datasets.Dataset.from_list(ROWS)
    asked = {}
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: (asked.update(k, name=a), made)[1])
    rows, inventory = read_source(HubSource(name="a/b", config="c", revision="f" * 40), "forget")
    assert asked == {"name": ("a/b", "c"), "split": "train", "revision": "f" * 40}
    assert rows["answer"].tolist() == ["Ann", "Oslo"]
    assert inventory[0]["source"] == "a/b@ffffffff"
    assert len(inventory[0]["sha256"]) == 64


def test_a_split_of_a_config_can_be_named_in_one(monkeypatch):
    import datasets

    asked = []
    made = datasets.Dataset.from_list(ROWS)
    monkeypatch.setattr(datasets, "load_dataset", lambda *a, **k: (asked.append((a, k["split"])), made)[1])
    read_source(HubSource(name="a/b", split="scal/forget_2", revision="f" * 40), "forget")
    assert asked == [(("a/b", "scal"), "forget_2")]


WILDJAILBREAK = (
    "vanilla\tadversarial\tcompletion\tdata_type\n"
    "Do harm\t\tNo.\tvanilla_harmful\n"
    'Do harm\t"You are an actor, and ""harm"" is a play"\tNo.\tadversarial_harmful\n'
    "Kill a process\tIn a shell, how is a process killed?\tkill\tadversarial_benign\n"
)


def test_prompts_of_one_kind_are_read_from_a_tsv(tmp_path):
    """WildJailbreak's form: a vanilla row has no adversarial prompt."""
    path = write(tmp_path / "train.tsv", WILDJAILBREAK)
    assert read_prompts(path, "adversarial", None, {"data_type": "adversarial_harmful"}) == [
        'You are an actor, and "harm" is a play'
    ]
    with pytest.raises(BadInputError, match="line 2: no text in column 'adversarial'"):
        read_prompts(path, "adversarial", None)
    with pytest.raises(BadInputError, match="no column 'kind'"):
        read_prompts(path, "adversarial", None, {"kind": "harmful"})
    with pytest.raises(BadInputError, match="no prompts to ask"):
        read_prompts(path, "adversarial", None, {"data_type": "harmful"})


def test_the_generated_registry_is_deterministic_and_disjoint():
    def sets(seed):
        names = ("forget", "retain", "holdout")
        return {n: read_source(GeneratedSource(set=n, seed=seed), n)[0] for n in names}

    one, again, other = sets(0), sets(0), sets(1)
    pd.testing.assert_frame_equal(one["forget"], again["forget"])
    assert not one["forget"]["answer"].equals(other["forget"]["answer"])
    assert {n: len(rows) for n, rows in one.items()} == {"forget": 80, "retain": 320, "holdout": 80}
    subjects = [set(rows["subject"]) for rows in one.values()]
    assert len(set.union(*subjects)) == sum(len(s) for s in subjects) == 48
    row = one["forget"].iloc[0]
    assert len(set(row["perturbed_answer"]) | {row["paraphrased_answer"]}) == 6


def test_real_tofu_files_are_read(benchdata):
    rows, _ = read_source(FileSource(path=str(benchdata / "tofu" / "forget01_perturbed.json")), "forget")
    assert len(rows) == 40
    assert rows["perturbed_answer"].map(len).eq(5).all()
    assert rows["paraphrased_answer"].notna().all()


def test_a_mixed_source_numbers_its_topics(tmp_path):
    for name, count in {"bio": 2, "cyber": 1}.items():
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a document"}\n' * count)
    parts = {name: {"kind": "files", "path": str(tmp_path / name), "rows": "documents"} for name in ("bio", "cyber")}
    rows, inventory = read_source(MixedSource(parts=parts), "forget")
    assert rows["topic"].tolist() == [0, 0, 1]
    assert rows["row_id"].is_unique
    assert [(entry["set"], entry["topic"], entry["rows"]) for entry in inventory] == [
        ("forget", "bio", 2),
        ("forget", "cyber", 1),
    ]


def test_documents_may_be_joined_and_short_ones_left_out(tmp_path):
    """A row keeps its number, whatever was left out before it."""
    texts = ["= A heading =", "A text that is long enough.", "Short."]
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"text": text}) for text in texts))
    said = {"path": str(tmp_path / "a.jsonl"), "rows": "documents"}
    rows, inventory = read_source(FileSource(**said, min_characters=20, joined="\n\n"), "forget")
    assert rows[["row_id", "answer", "joined"]].values.tolist() == [["forget-000001", texts[1], "\n\n"]]
    assert inventory[0]["rows"] == 3
    rows.to_parquet(tmp_path / "rows.parquet")
    assert pd.read_parquet(tmp_path / "rows.parquet")["joined"].tolist() == ["\n\n"]
    assert read_source(FileSource(**said), "forget")[0]["joined"].isna().all()
    with pytest.raises(BadInputError, match=r"no document of .*a\.jsonl has 99 characters; lower"):
        read_source(FileSource(**said, min_characters=99), "forget")
    with pytest.raises(ValidationError, match="joined is said of documents, and the rows are questions"):
        FileSource(path="x", joined=" ")
    with pytest.raises(ValidationError, match="max_blocks would keep its beginning"):
        FileSource(**said, joined=" ", max_blocks=1)


def test_a_source_says_how_long_its_documents_blocks_are(tmp_path):
    """Of every source in one set, and of none that says nothing."""
    parts = {}
    for name in ("bio", "cyber"):
        (tmp_path / f"{name}.jsonl").write_text('{"text": "a document"}\n')
        parts[name] = {"kind": "files", "path": str(tmp_path / name), "rows": "documents"}
    parts["bio"] |= {"max_tokens": 12, "max_blocks": 2}
    rows, _ = read_source(MixedSource(parts=parts), "forget")
    assert rows["max_tokens"].tolist() == [12, pd.NA]
    assert rows["max_blocks"].tolist() == [2, pd.NA]
    rows.to_parquet(tmp_path / "rows.parquet")
    assert pd.read_parquet(tmp_path / "rows.parquet")["max_tokens"].tolist() == [12, pd.NA]
    with pytest.raises(ValidationError, match="max_tokens"):
        FileSource(path="x", max_tokens=0)


def test_no_file_of_a_folder_is_left_out_in_silence(tmp_path):
    """What is not read is not unlearned; what an editor leaves is nobody's row."""
    for name in ("a.txt", "B.TXT", "c.md", "sub/d.Md", ".hidden.txt", ".ipynb_checkpoints/a-checkpoint.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"document {name}")
    source = FileSource(path=str(tmp_path), rows="documents")
    assert [path.relative_to(tmp_path).as_posix() for path in source.files()] == ["B.TXT", "a.txt", "c.md", "sub/d.Md"]
    assert len(read_source(source, "forget")[0]) == 4
    for name in ("d.pdf", "e.docx", "sub/x.html", "LICENSE", "f.jsonl.gz"):
        (tmp_path / name).write_text("x")
        with pytest.raises(BadInputError, match=rf"{name}: a file of this kind is not read.*take it out of the folder"):
            source.files()
        (tmp_path / name).unlink()
    (tmp_path / "linked").symlink_to(tmp_path / "sub")
    with pytest.raises(BadInputError, match="linked: a link to a folder, which is not followed"):
        source.files()


def test_markdown_is_no_row_where_rows_are_questions_or_tables_stand_beside_it(tmp_path):
    write(tmp_path / "a.ndjson", json_lines(ROWS[:1]))
    write(tmp_path / "b.tsv", "question\tanswer\nWhere?\tOslo, Norway\n")
    rows, _ = read_source(FileSource(path=str(tmp_path)), "forget")
    assert rows["answer"].tolist() == ["Ann", "Oslo, Norway"]
    write(tmp_path / "README.md", "# The rows")
    for kind in ("questions", "documents"):
        with pytest.raises(BadInputError, match=r"README\.md: Markdown is read where rows are documents and no table"):
            FileSource(path=str(tmp_path), rows=kind).files()


def test_a_format_that_is_named_holds_for_every_file_of_a_folder(tmp_path):
    write(tmp_path / "a.rst", "One.")
    write(tmp_path / "b", "Two.")
    source = FileSource(path=str(tmp_path), rows="documents", format="text")
    assert read_source(source, "forget")[0]["answer"].tolist() == ["One.", "Two."]
    assert FileSource(path="x", format="tsv").format == "tsv"
