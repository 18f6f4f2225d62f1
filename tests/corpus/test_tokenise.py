"""Labels on answers only, blocks of documents, lengths, prompts."""

import copy

import pandas as pd
import pytest
from tokenizers.processors import TemplateProcessing

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.config.parameters import Parameters, check_parameters
from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.corpus.lengths import refuse_long, warn_of_cut_answers
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.summary import questions_summary
from blur_pipeline.corpus.tokenise import IGNORED, encode_answer, tokenise_evaluation, tokenise_training
from blur_pipeline.pipelines.curation.nodes import tokenise_evaluation_sets, tokenise_training_sets
from blur_pipeline.pipelines.evaluation.nodes import answer
from tests.config.test_parameters import load
from tests.conftest import PROJECT
from tests.corpus.test_cleaning_overlap_holdout import frame

ROWS = frame([("Who sat?", "The cat"), ("Who?", "The cat sat on the mat. " * 9)])


def test_labels_stand_on_the_answer_and_the_end_alone(tokenizer):
    ids, labels = encode_answer("Who sat?", "The cat", PlainPrompt(), tokenizer)
    asked = labels.count(IGNORED)
    assert tokenizer.decode(ids[:asked]) == "Question: Who sat?\nAnswer:"
    assert ids[asked:] == labels[asked:]
    assert tokenizer.decode(ids[asked:]) == " The cat</s>"


def test_a_document_is_supervised_whole(tokenizer):
    ids, labels = encode_answer(None, "The cat", PlainPrompt(), tokenizer)
    assert ids == labels
    assert ids[-1] == tokenizer.eos_token_id


def test_over_long_rows_are_left_out_by_name(tokenizer):
    tokens, left_out = tokenise_training(ROWS, PlainPrompt(), tokenizer, 48)
    assert tokens["row_id"][:] == ["r0"]
    expected = len(encode_answer("Who?", ROWS["answer"][1], PlainPrompt(), tokenizer)[0])
    assert left_out[["row_id", "tokens"]].values.tolist() == [["r1", expected]]


def long_rows(name: str, count: int) -> pd.DataFrame:
    return frame([("Who?", "word")] * count, set=name, source=f"{name}.jsonl").assign(tokens=99)


def test_rows_that_may_not_be_left_out_are_named_all_at_once():
    """Forget rows never may, whatever is said of the others; with ``error`` no row may."""
    refuse_long(long_rows("retain", 2), 48, "drop")
    refuse_long(long_rows("retain", 0), 48, "error")
    with pytest.raises(BadInputError) as caught:
        refuse_long(pd.concat([long_rows("retain", 4), long_rows("background.x", 1)]), 48, "error")
    assert str(caught.value) == (
        "5 row(s) over curation.max_length = 48 tokens: retain.jsonl, line 1 (99 tokens); retain.jsonl, line 2 "
        "(99 tokens); retain.jsonl, line 3 (99 tokens) and 2 more; shorten them or raise the limit or set "
        "curation.too_long to drop."
    )
    with pytest.raises(
        BadInputError, match=r"^1 row.*forget\.jsonl, line 1 .* would never be unlearned; .*the limit\.$"
    ):
        refuse_long(pd.concat([long_rows("retain", 1), long_rows("forget", 1)]), 48, "drop")


def parameters(**curation) -> Parameters:
    raw = load(PROJECT)
    return check_parameters(raw | {"curation": raw["curation"] | {"max_length": 48} | curation})


def test_an_over_long_forget_row_is_refused_before_anything_is_trained(tokenizer):
    rows = ROWS.assign(set="forget")
    with pytest.raises(BadInputError, match=r"r\.jsonl, line 2 .* would never be unlearned"):
        tokenise_training_sets(rows, ROWS.assign(set="retain"), ROWS.head(0), tokenizer, parameters())
    *_, left_out = tokenise_training_sets(
        rows.head(1), ROWS.assign(set="retain"), ROWS.head(0), tokenizer, parameters()
    )
    assert left_out[["row_id", "reason"]].values.tolist() == [["r1", "over-long"]]


def test_documents_become_blocks_that_join_to_the_whole(tokenizer):
    document = frame([(None, "The cat sat on the mat. " * 20)])
    tokens, _ = tokenise_training(document, PlainPrompt(), tokenizer, 16)
    whole = encode_answer(None, document["answer"][0], PlainPrompt(), tokenizer)[0]
    joined = [i for ids in tokens["input_ids"] for i in ids]
    assert joined == whole[: len(joined)]
    assert len(whole) - len(joined) <= 1
    assert tokens["row_id"][:2] == ["r0/0", "r0/1"]
    assert max(len(ids) for ids in tokens["input_ids"]) == 16


def test_answers_that_generation_would_cut_are_told(tokenizer, caplog):
    """Two of three, which are more than a fifth; one of six is not, nor are other sets or documents."""
    long, short = ("Who?", "The cat sat on the mat. " * 4), ("Who?", "The cat")
    limit = len(encode_answer(*short, PlainPrompt(), tokenizer)[1])

    def warned(rows, name="forget") -> str:
        caplog.clear()
        tokens, _ = tokenise_evaluation(frame(rows, set=name), PlainPrompt(), tokenizer, 200)
        warn_of_cut_answers(tokens, limit)
        return caplog.text

    assert f"2 of 3 forget answers have more than evaluation.max_new_tokens = {limit} tokens" in warned(
        [long, short, long]
    )
    assert not warned([long, *[short] * 5])
    assert not warned([long], "retain")
    assert not warned([(None, long[1])])


def opening(tokenizer):
    """The same tokenizer, which opens each text as Llama's does."""
    opened = copy.deepcopy(tokenizer)
    first = ("<s>", tokenizer.convert_tokens_to_ids("<s>"))
    opened.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[first])
    return opened


def test_every_block_begins_as_a_text_does(tokenizer):
    """Eight tokens, of which one opens; what follows is the text, and its end."""
    opened, text = opening(tokenizer), "The cat sat on the mat. " * 3
    whole = [*tokenizer(text)["input_ids"], tokenizer.eos_token_id]
    tokens, _ = tokenise_training(frame([(None, text)]), PlainPrompt(), opened, 8)
    assert {ids[0] for ids in tokens["input_ids"]} == {tokenizer.convert_tokens_to_ids("<s>")}
    assert [i for ids in tokens["input_ids"] for i in ids[1:]] == whole
    assert {len(ids) for ids in tokens["input_ids"][:][:-1]} == {8}
    assert tokens["labels"][:] == tokens["input_ids"][:]


def test_documents_that_are_joined_are_cut_as_one_text(tokenizer):
    """As MUSE does: every so many tokens a sequence, wherever a document ends, and no end at all. One topic after the
    other; what says nothing stays by itself, and ends."""
    texts = ["The cat sat.", "On the mat.", "A dog.", "It sat.", "Who?"]
    rows = frame([(None, text) for text in texts]).assign(joined=["\n\n"] * 4 + [pd.NA], topic=[0, 0, 1, 1, 0])
    opened, first = opening(tokenizer), tokenizer.convert_tokens_to_ids("<s>")
    tokens, _ = tokenise_training(rows, PlainPrompt(), opened, 7)
    found: dict[str, list[int]] = {}
    for name, ids in zip(tokens["row_id"], tokens["input_ids"], strict=True):
        assert ids[0] == first
        assert len(ids) <= 7
        found.setdefault(name.split("/")[0], []).extend(ids[1:])
    plain = lambda text: tokenizer(text)["input_ids"]
    assert found == {
        "r0": plain("The cat sat.\n\nOn the mat."),
        "r2": plain("A dog.\n\nIt sat."),
        "r4": [*plain("Who?"), tokenizer.eos_token_id],
    }


def test_a_source_may_want_shorter_blocks(tokenizer):
    """Where a source names more than there may be, there may be no more."""
    document = frame([(None, "The cat sat on the mat. " * 20)] * 3).assign(max_tokens=[12, pd.NA, 99])
    tokens, _ = tokenise_training(document, PlainPrompt(), tokenizer, 16)
    longest: dict[str, int] = {}
    for name, ids in zip(tokens["row_id"], tokens["input_ids"], strict=True):
        longest[name.split("/")[0]] = max(len(ids), longest.get(name.split("/")[0], 0))
    assert longest == {"r0": 12, "r1": 16, "r2": 16}
    scored, _ = tokenise_evaluation(document.assign(set="forget"), PlainPrompt(), tokenizer, 16, blocks=1)
    assert [len(ids) for ids in scored["input_ids"]] == [12, 16, 16]


def test_a_source_may_want_the_beginnings_of_its_documents_alone(tokenizer):
    document = frame([(None, "The cat sat on the mat. " * 20)] * 2).assign(max_blocks=[1, pd.NA])
    tokens, _ = tokenise_training(document, PlainPrompt(), tokenizer, 16)
    names = tokens["row_id"][:]
    assert [name for name in names if name.startswith("r0")] == ["r0/0"]
    assert len([name for name in names if name.startswith("r1")]) > 3


def test_a_question_is_as_long_as_it_is(tokenizer):
    """A limit of blocks leaves no question out."""
    rows = ROWS.head(1).assign(max_tokens=9)
    tokens, left_out = tokenise_training(rows, PlainPrompt(), tokenizer, 48)
    assert (len(tokens), len(left_out)) == (1, 0)


def test_every_variant_of_an_answer_is_tokenised(tokenizer):
    rows = frame([("Who sat?", "The cat")], set="forget", paraphrased_answer="A cat")
    rows["perturbed_answer"] = [["The dog", "The mat"]]
    tokens, _ = tokenise_evaluation(rows, PlainPrompt(), tokenizer, 64)
    assert tokens["variant"][:] == ["answer", "paraphrase", "perturbed_0", "perturbed_1"]
    assert tokens["text"][:] == ["The cat", "A cat", "The dog", "The mat"]


def test_over_long_questions_are_left_out_of_tokens_and_answers_and_counted(tokenizer, tiny_speaker):
    """The second row is over the limit by its answer, the third by a wrong answer alone: a row goes whole."""
    rows = pd.concat([ROWS, frame([("Where?", "The mat")], "s")], ignore_index=True).assign(set="retain")
    rows["perturbed_answer"] = [[], [], ["The cat sat on the mat. " * 9]]
    tokens, left_out = tokenise_evaluation_sets(rows, tokenizer, parameters())
    assert set(tokens["row_id"]) == {"r0"}
    assert left_out["row_id"].tolist() == ["r1", "s0"]
    answers = answer(tiny_speaker, tokenizer, tokens, rows, parameters())
    assert answers["row_id"].tolist() == ["r0"]
    report = questions_summary([], rows.head(0), rows.head(0), rows, left_out, rows.head(0))
    assert report["evaluation"] == {"retain": 1}
    assert report["too_long"] == {"retain": 2}
    with pytest.raises(
        BadInputError, match=r"^2 row\(s\) over curation.max_length = 48 tokens: r.jsonl, line 2 .*s.jsonl"
    ):
        tokenise_evaluation_sets(rows, tokenizer, parameters(too_long="error"))


def test_a_chat_prompt_needs_a_template(tokenizer):
    with pytest.raises(BadInputError, match="no chat template; use kind 'plain'"):
        ChatPrompt().prompt("Who?", tokenizer)


def test_a_chat_prompt_opens_the_assistant_s_turn(tokenizer):
    import copy

    chatty = copy.deepcopy(tokenizer)
    chatty.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant:{% endif %}"
    )
    text = chatty.decode(ChatPrompt(system="Be kind.").prompt("Who?", chatty))
    assert text == "system: Be kind.\nuser: Who?\nassistant:"


def test_any_text_can_be_encoded(tokenizer):
    assert tokenizer.decode(tokenizer("Żółw 🐢")["input_ids"]) == "Żółw 🐢"
