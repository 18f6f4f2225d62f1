"""Where the fact of an answer stands: in its characters, in its tokens, and that it must stand there."""

import json

import numpy as np
import pandas as pd
import pytest
from transformers import PreTrainedTokenizerFast

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.cleaning import clean_rows
from blur_pipeline.corpus.facts import ABSENT, fact_tokens, find_fact
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.sources import FileSource, GeneratedSource, read_source
from blur_pipeline.corpus.tokenise import IGNORED, tokenise_evaluation
from blur_pipeline.metrics.examples import example_metrics
from blur_pipeline.metrics.memorisation import fact_probability
from tests.corpus.test_cleaning_overlap_holdout import frame


@pytest.mark.parametrize(
    ("fact", "answer", "found"),
    [
        ("Lima", "The climate of Lima.", (15, 19)),  # not the letters inside another word
        ("Lima", "Lima. Yes, Lima.", (0, 4)),  # the first: a later one can be copied from it
        ("東京", "彼は東京に住む", (2, 4)),  # no spaces between words
        ("3.5 km", "It is 13.5 km, no, 3.5 km.", (19, 25)),
        ("Riga", "She lives in Oslo.", None),
        ("riga", "She lives in Riga.", None),  # word for word
    ],
)
def test_the_characters_of_a_fact(fact, answer, found):
    assert find_fact(fact, answer) == found


def questions(answers_and_facts) -> pd.DataFrame:
    rows = frame([("Who sat?", answer) for answer, _ in answers_and_facts], set="forget")
    return rows.assign(fact=[fact for _, fact in answers_and_facts])


@pytest.mark.parametrize(
    ("answer", "fact", "tokens"),
    [
        ("The cat sat on Quirinal Hill.", "Quirinal Hill", " Quirinal Hill"),  # many tokens, a full stop after
        ("Paris is in France", "Paris", " Paris"),  # at the beginning, with the space of the prompt's end
        ("The cat sat", "sat", " sat"),  # at the end: the end-of-sequence token is no part of it
        ("Żółw 🐢 is it", "🐢", " 🐢"),  # one character, several byte tokens
        ("The cat", "The cat", " The cat"),
    ],
)
def test_the_tokens_of_a_fact_hold_it_and_no_more(tokenizer, answer, fact, tokens):
    """Byte-level BPE: a word's token begins with the space before it."""
    row = tokenise_evaluation(questions([(answer, fact)]), PlainPrompt(), tokenizer, 128)[0][0]
    supervised = [label for label in row["labels"] if label != IGNORED]
    inside = supervised[row["fact_start"] : row["fact_end"]]
    assert tokenizer.decode(inside).strip() == fact
    assert tokenizer.decode(inside) in (tokens, tokens.strip())
    assert tokenizer.eos_token_id not in inside


def test_a_token_that_holds_more_than_the_fact_counts_whole():
    """Words alone are tokens here, with the full stop that follows."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[UNK]": 0, "born": 1, "in": 2, "Lisbon.": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    assert fact_tokens("Lisbon", "born in Lisbon.", " ", PreTrainedTokenizerFast(tokenizer_object=words)) == (2, 3)


def test_where_no_fact_is_marked_there_is_none(tokenizer):
    rows = questions([("The cat", None), ("The cat", "cat")]).assign(paraphrased_answer="A cat")
    tokens = tokenise_evaluation(rows, PlainPrompt(), tokenizer, 64)[0].to_pandas()
    spans = tokens.set_index(["row_id", "variant"])[["fact_start", "fact_end"]].apply(tuple, axis=1)
    assert spans["r0", "answer"] == spans["r1", "paraphrase"] == ABSENT
    assert spans["r1", "answer"] != ABSENT


class WithoutOffsets:
    """As tokenizers in plain Python are."""

    is_fast = False


def test_a_tokenizer_that_cannot_say_where_its_tokens_stand_marks_none():
    assert fact_tokens("cat", "The cat", " ", WithoutOffsets()) == ABSENT


def test_a_fact_that_the_answer_does_not_hold_is_named_by_file_and_line(tmp_path):
    path = tmp_path / "a.jsonl"
    good = {"question": "Where?", "answer": "She lives in Riga.", "fact": "Riga"}
    path.write_text(json.dumps(good) + "\n" + json.dumps({**good, "fact": "Oslo"}))
    with pytest.raises(BadInputError, match=r"a\.jsonl, line 2: the fact 'Oslo' does not stand in the answer"):
        read_source(FileSource(path=str(path)), "forget")
    path.write_text("prompt,answer,value\nWhere?,She lives in Riga.,Riga\nWhen?,In May.,\n")
    source = FileSource(path=str(path), format="csv", columns={"question": "prompt", "fact": "value"})
    assert read_source(source, "forget")[0]["fact"].isna().tolist() == [False, True]  # an empty cell is none


def test_answer_and_fact_are_brought_into_the_same_unicode_form(tokenizer):
    """The answer is written with a combining accent, the fact too: both are composed."""
    rows = questions([("A cafe\u0301 sat", "cafe\u0301 ")])
    kept, _ = clean_rows(rows, "NFC", ["set", "question", "answer"])
    assert kept["fact"].tolist() == ["caf\u00e9"]
    row = tokenise_evaluation(kept, PlainPrompt(), tokenizer, 64)[0][0]
    assert row["fact_start"] > 0


@pytest.mark.parametrize("name", ["forget", "world_facts"])
def test_generated_rows_mark_their_value(name):
    rows, _ = read_source(GeneratedSource(set=name), name)
    for row in rows.itertuples():
        assert row.fact in row.answer
        assert all(row.fact not in wrong for wrong in row.perturbed_answer)
        if name == "world_facts":
            assert row.fact == row.answer  # the answer is nothing but the value
        else:
            assert row.fact in row.paraphrased_answer
            assert row.fact not in row.question


def test_fact_probability():
    """log ½, log ¼, log 1/16: the last two have the geometric mean 1/8."""
    logprobs = np.log([1 / 2, 1 / 4, 1 / 16])
    assert fact_probability(logprobs, 1, 3) == pytest.approx(1 / 8)
    assert fact_probability(logprobs, 0, 1) == pytest.approx(1 / 2)
    assert np.isnan(fact_probability(logprobs, -1, -1))


def test_the_probability_of_a_fact_among_an_example_s_metrics():
    """Tokens ½, ¼, 1/16 and an end of sequence of 1e-9; the fact is the last two. Old tables mark no fact."""
    logprob = np.log([1 / 2, 1 / 4, 1 / 16, 1e-9])
    row = {"set": "forget", "row_id": "a", "variant": "answer", "text": "x", "ends": True, "logprob": logprob}
    row |= {"mean": np.zeros(4), "variance": np.ones(4), "correct": np.ones(4, bool)}
    nothing = pd.DataFrame(columns=["set", "row_id", "answer", "completion"])
    marked = pd.DataFrame([{**row, "fact_start": 1, "fact_end": 3}])
    assert example_metrics([marked], nothing)["fact_probability"].tolist() == pytest.approx([1 / 8])
    assert example_metrics([pd.DataFrame([row])], nothing)["fact_probability"].isna().all()
