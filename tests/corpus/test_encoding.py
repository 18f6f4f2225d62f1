"""What opens a text, what never ends one in the middle, and what a text spells."""

import copy
import json

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from transformers import LlamaTokenizer

from blur_pipeline.corpus.encoding import letters, spells_control
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.tokenise import encode_answer, tokenise_evaluation, tokenise_training
from blur_pipeline.models.examples import IGNORED
from blur_pipeline.models.sources import PretrainedModel
from tests.corpus.test_cleaning_overlap_holdout import frame

CLOSING = {
    "closes": ("$A </s>", ()),
    "opens and closes": ("<s> $A </s>", ("<s>",)),
    "opens with what ends": ("</s> $A", ("</s>",)),
    "the same around": ("</s> $A </s>", ("</s>",)),
}


@pytest.mark.parametrize(("pattern", "begins"), CLOSING.values(), ids=CLOSING)
def test_a_tokenizer_that_closes_each_text_closes_none_inside_an_example(tokenizer, pattern, begins):
    """The end stands once, at the end: of a question's example, of a document, of its blocks, of what is scored."""
    closing = copy.deepcopy(tokenizer)
    names = [(name, tokenizer.convert_tokens_to_ids(name)) for name in ("<s>", "</s>")]
    closing.backend_tokenizer.post_processor = TemplateProcessing(single=pattern, special_tokens=names)
    first = [tokenizer.convert_tokens_to_ids(name) for name in begins]
    text, end = "The cat sat on the mat.", tokenizer.eos_token_id
    plain = lambda words: tokenizer(words)["input_ids"]

    ids, labels = encode_answer("Who sat?", "The cat", PlainPrompt(), closing)
    assert ids == [*first, *plain("Question: Who sat?\nAnswer:"), *plain(" The cat"), end]
    assert labels[-2:] == ids[-2:]
    assert encode_answer(None, text, PlainPrompt(), closing)[0] == [*first, *plain(text), end]
    rows = frame([(None, text)], set="forget")
    blocks, _ = tokenise_training(rows, PlainPrompt(), closing, 9)
    assert all(block[: len(first)] == first for block in blocks["input_ids"])
    assert [i for block in blocks["input_ids"] for i in block[len(first) :]] == [*plain(text), end]
    scored, _ = tokenise_evaluation(rows, PlainPrompt(), closing, 64)
    assert scored["input_ids"][:] == [[*first, *plain(text)]]


def test_a_llama_tokenizer_that_adds_an_end_adds_none_inside_an_example(tmp_path):
    """As transformers reads it from a folder."""
    pieces = Tokenizer(models.BPE(unk_token="<unk>"))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    trainer = trainers.BpeTrainer(vocab_size=200, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False)
    pieces.train_from_iterator(["Question: Who is Paris?\nAnswer: Paris is Paris"] * 20, trainer)
    known = json.loads(pieces.to_str())["model"]
    merges = [tuple(pair) for pair in known["merges"]]
    made = LlamaTokenizer(vocab=known["vocab"], merges=merges, add_bos_token=True, add_eos_token=True)
    made.save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    llama = PretrainedModel(path=str(tmp_path)).tokenizer()
    ids, _ = encode_answer("Who is Paris?", "Paris", PlainPrompt(), llama)
    assert llama.convert_ids_to_tokens(ids)[0] == "<s>"
    assert [place for place, i in enumerate(ids) if i == llama.eos_token_id] == [len(ids) - 1]


HTML = "The <s>old</s> mat </s>"


def test_what_a_text_spells_is_no_control_token(tokenizer):
    """Neither in an answer nor in a question, a document or what is scored of them: the last token alone is one."""
    control = set(tokenizer.all_special_ids)
    for question in (HTML, None):
        ids, labels = encode_answer(question, HTML, PlainPrompt(), tokenizer)
        assert [place for place, i in enumerate(ids) if i in control] == [len(ids) - 1]
        assert tokenizer.decode([i for i in labels if i >= 0]).strip() == f"{HTML}</s>"
    for rows in (frame([(None, HTML)], set="forget"), frame([(HTML, HTML)], set="forget")):
        for tokens, _ in (
            tokenise_training(rows, PlainPrompt(), tokenizer, 64),
            tokenise_evaluation(rows, PlainPrompt(), tokenizer, 64),
        ):
            assert not control & {i for ids in tokens["input_ids"] for i in ids[:-1]}


def test_the_control_tokens_that_a_prompt_writes_are_meant(tokenizer):
    """They stay what they are beside a question that spells them."""
    prompt = PlainPrompt(question_prefix="<s>Question: ", question_suffix="</s>Answer:", answer_prefix="<s> ")
    places = {}
    for question in ("Who sat?", f"Who sat? {HTML}"):
        ids, _ = encode_answer(question, question, prompt, tokenizer)
        assert tokenizer.decode(ids) == f"<s>Question: {question}</s>Answer:<s> {question}</s>"
        places[question] = [tokenizer.decode(i) for i in ids if i in tokenizer.all_special_ids]
    assert list(places.values()) == [["<s>", "</s>", "<s>", "</s>"]] * 2


def test_the_fact_of_an_answer_that_spells_a_control_token_is_found(tokenizer):
    """Its place is counted among the tokens that the answer has."""
    rows = frame([("Who?", "<s>A</s> cat"), ("Who?", "A cat")], set="forget", fact="cat")
    tokens, _ = tokenise_evaluation(rows, PlainPrompt(), tokenizer, 64)
    for labels, start, end in zip(tokens["labels"], tokens["fact_start"], tokens["fact_end"], strict=True):
        answer = [token for token in labels if token != IGNORED]
        assert tokenizer.decode(answer[start:end]).strip() == "cat"


@pytest.mark.parametrize("text", ["", "The cat sat.", " a  b\n\nc ", "<b>s</b> < s > </ s>", "Żółw 🐢 <|x|>"])
def test_ordinary_texts_have_the_tokens_that_they_had(tokenizer, text):
    assert letters(text, tokenizer) == tokenizer(text, add_special_tokens=False)["input_ids"]
    assert not spells_control(text, tokenizer)
