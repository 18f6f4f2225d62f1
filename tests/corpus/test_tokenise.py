"""Labels on answers only, blocks of documents, lengths, prompts."""

import pytest

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.tokenise import IGNORED, encode_answer, tokenise_evaluation, tokenise_training
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


def test_over_long_rows_are_dropped_by_name_or_refused(tokenizer):
    tokens, dropped = tokenise_training(ROWS, PlainPrompt(), tokenizer, 48, "drop")
    assert tokens["row_id"][:] == ["r0"]
    assert dropped == ["r1"]
    with pytest.raises(BadInputError, match=r"r.jsonl, line 2: .* over curation.max_length = 48"):
        tokenise_training(ROWS, PlainPrompt(), tokenizer, 48, "error")


def test_documents_become_blocks_that_join_to_the_whole(tokenizer):
    document = frame([(None, "The cat sat on the mat. " * 20)])
    tokens, _ = tokenise_training(document, PlainPrompt(), tokenizer, 16, "drop")
    whole = encode_answer(None, document["answer"][0], PlainPrompt(), tokenizer)[0]
    joined = [i for ids in tokens["input_ids"] for i in ids]
    assert joined == whole[: len(joined)]
    assert len(whole) - len(joined) <= 1
    assert tokens["row_id"][:2] == ["r0/0", "r0/1"]
    assert max(len(ids) for ids in tokens["input_ids"]) == 16


def test_every_variant_of_an_answer_is_tokenised(tokenizer):
    rows = frame([("Who sat?", "The cat")], set="forget", paraphrased_answer="A cat")
    rows["perturbed_answer"] = [["The dog", "The mat"]]
    tokens = tokenise_evaluation(rows, PlainPrompt(), tokenizer, 64)
    assert tokens["variant"][:] == ["answer", "paraphrase", "perturbed_0", "perturbed_1"]
    assert tokens["text"][:] == ["The cat", "A cat", "The dog", "The mat"]


def test_an_evaluation_row_over_the_limit_is_named(tokenizer):
    with pytest.raises(BadInputError, match="line 2: question and answer have"):
        tokenise_evaluation(ROWS.assign(set="forget"), PlainPrompt(), tokenizer, 48)


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
