"""Every metric that open-unlearning has too, on the same tokens, against its definitions written down once more.

Plain loops over one row at a time, from the model's logits: which tokens count is what differs between harnesses.
"""

import zlib

import numpy as np
import pandas as pd
import pytest
import torch
from rouge_score.rouge_scorer import RougeScorer
from scipy.stats import ks_2samp
from transformers import LlamaForCausalLM

from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.corpus.tokenise import tokenise_evaluation
from blur_pipeline.metrics.examples import example_metrics
from blur_pipeline.models.examples import Examples
from blur_pipeline.scoring.gradient_norms import gradient_norms
from blur_pipeline.scoring.token_scores import score_tokens
from tests.corpus.test_cleaning_overlap_holdout import frame
from tests.metrics.measuring import aggregated

LENGTH = 24
KEYS = ["set", "row_id"]


@pytest.fixture(scope="module")
def tokens(tokenizer) -> pd.DataFrame:
    """Two questions of each set with their variants; two documents of the holdout, one of which is cut."""
    asked = [("Who sat?", "The cat sat"), ("Where is Paris?", "in France")]
    forget = frame(asked, "f", set="forget", paraphrased_answer="A cat")
    forget["perturbed_answer"] = [["The mat", "The dog sat"], ["in a mat"]]
    facts = frame(asked, "w", set="world_facts")
    facts["perturbed_answer"] = [["The mat", "a mat"], ["Answer"]]
    documents = frame([(None, "The cat sat on the mat. " * 9), (None, "Paris is in France")], "h", set="holdout")
    rows = pd.concat([forget, facts, documents], ignore_index=True)
    return tokenise_evaluation(rows, PlainPrompt(answer_prefix=""), tokenizer, LENGTH, blocks=1)[0].to_pandas()


@pytest.fixture(scope="module")
def models(tiny_speaker) -> tuple[LlamaForCausalLM, LlamaForCausalLM]:
    """One to measure, and another as the retrained one; loud heads, so that some labels are the arg-max."""
    torch.manual_seed(5)
    other = LlamaForCausalLM(tiny_speaker.config).eval()
    return tiny_speaker, other


def of(model, tokens, answers) -> pd.DataFrame:
    """Our metrics of every example."""
    examples = Examples.from_columns(tokens["input_ids"], tokens["labels"])
    scores = score_tokens(model, examples, 1000, "test")
    table = pd.concat([tokens.drop(columns=["input_ids", "labels"]), scores], axis=1)
    plain = tokens[tokens["variant"] == "answer"]
    norms = gradient_norms(model, Examples.from_columns(plain["input_ids"], plain["labels"]), "test")
    return example_metrics([table], answers, plain[KEYS].assign(gradient_norm=norms))


def peer_logits(model, row) -> tuple[torch.Tensor, torch.Tensor]:
    """``(n, V)`` log-probabilities at the places that predict a label, and the n labels; none for the first token."""
    ids, labels = torch.tensor(row.input_ids)[None].long(), torch.tensor(row.labels).long()
    logprobs = model(input_ids=ids).logits[0].double().log_softmax(-1)
    places = [t for t in range(1, len(labels)) if labels[t] != -100]
    return logprobs[[t - 1 for t in places]], labels[places]


def peer_loss(model, row) -> float:
    """Its evaluate_probability: the mean over all labels."""
    with torch.no_grad():
        logprobs, labels = peer_logits(model, row)
    return float(-logprobs[range(len(labels)), labels].mean())


def peer_tokenwise(model, row) -> tuple[torch.Tensor, torch.Tensor]:
    """Its tokenwise_vocab_logprobs: without the last label, "to ignore eos prediction"."""
    logprobs, labels = peer_logits(model, row)
    return logprobs[:-1], labels[:-1]


def peer_exact(logprobs, labels) -> float:
    return float((logprobs.argmax(-1) == labels).sum() / len(labels))


def peer_strength(logprobs, labels) -> float:
    predicted = logprobs.argmax(-1)
    for k in range(len(labels)):
        if torch.equal(predicted[k:], labels[k:]):
            break
    return 1 - k / len(labels)


def peer_lowest(values) -> float:
    values = sorted(float(v) for v in values)
    count = max(1, int(len(values) * 0.4))
    return -sum(values[:count]) / count


def peer_min_k_plus_plus(logprobs, labels) -> float:
    p = logprobs.exp()
    mu = (p * logprobs).sum(-1)
    sigma = ((p * logprobs**2).sum(-1) - mu**2).clamp(min=1e-6)
    return peer_lowest((logprobs[range(len(labels)), labels] - mu) / sigma.sqrt())


def peer_gradient_norm(model, row) -> float:
    model.zero_grad()
    logprobs, labels = peer_tokenwise(model, row)
    (-logprobs[range(len(labels)), labels].mean()).backward()
    norm = float(torch.stack([p.grad.norm(p=2) for p in model.parameters() if p.grad is not None]).mean())
    model.zero_grad()
    return norm


@pytest.fixture(scope="module")
def answers(tokens) -> pd.DataFrame:
    plain = tokens[(tokens["variant"] == "answer") & (tokens["set"] != "holdout")]
    return plain[KEYS].assign(answer=plain["text"], completion="The cats are in France")


def test_memorisation_and_membership_of_a_row(tokens, models, answers, tokenizer):
    """A single example is enough to tell: 9 to 15 % lie between counting the last token and leaving it out."""
    ours = of(models[0], tokens, answers).set_index(KEYS)
    for row in tokens[tokens["variant"] == "answer"].itertuples():
        found, loss = ours.loc[row.set, row.row_id], peer_loss(models[0], row)
        with torch.no_grad():
            logprobs, labels = peer_tokenwise(models[0], row)
        text = tokenizer.decode([i for i in row.labels if i != -100], skip_special_tokens=True)
        expected = {
            "attack_loss": loss,
            "attack_zlib": loss / len(zlib.compress(text.encode())),
            "exact_memorisation": peer_exact(logprobs, labels),
            "extraction_strength": peer_strength(logprobs, labels),
            "attack_min_k": peer_lowest(logprobs[range(len(labels)), labels]),
            "attack_min_k_plus_plus": peer_min_k_plus_plus(logprobs, labels),
            "attack_gradient_norm": peer_gradient_norm(models[0], row),
        }
        if row.set != "world_facts":
            expected["probability"] = np.exp(-loss)
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=2e-4), (row.set, row.row_id, name)


def test_memorisation_of_what_a_model_knows():
    """Arg-maxima that hit: rows where the tokens before the last decide, and the last alone does not."""
    for correct in ([1, 0, 1, 1, 0], [0, 0, 1, 1, 1], [1, 1, 1, 0], [0, 1]):
        hits = torch.tensor(correct, dtype=torch.float)
        logprobs, labels = torch.stack([1 - hits, hits], dim=-1), torch.ones(len(correct), dtype=torch.long)
        row = {"set": "forget", "row_id": "a", "variant": "answer", "text": "x", "ends": True}
        zeros = np.zeros(len(correct))
        row |= {"logprob": zeros, "mean": zeros, "variance": zeros + 1, "correct": np.array(correct, bool)}
        found = example_metrics([pd.DataFrame([row])], pd.DataFrame(columns=[*KEYS, "answer", "completion"])).iloc[0]
        assert found["exact_memorisation"] == pytest.approx(peer_exact(logprobs[:-1], labels[:-1]))
        assert found["extraction_strength"] == pytest.approx(peer_strength(logprobs[:-1], labels[:-1]))


def test_rouge_options_and_truth_ratio_of_a_row(tokens, models, answers):
    ours = of(models[0], tokens, answers).set_index(KEYS)
    scorer = RougeScorer(["rouge1", "rougeL"], use_stemmer=True)
    for row in answers.itertuples():
        of_row = tokens[(tokens["set"] == row.set) & (tokens["row_id"] == row.row_id)]
        losses = {r.variant: peer_loss(models[0], r) for r in of_row.itertuples()}
        wrong = [loss for variant, loss in losses.items() if variant.startswith("perturbed")]
        right = losses["paraphrase" if row.set == "forget" else "answer"]
        ratio = np.exp(-np.mean(wrong)) / (np.exp(-right) + 1e-10)
        found, rouge = ours.loc[row.set, row.row_id], scorer.score(row.answer, row.completion)
        assert found["truth_ratio"] == pytest.approx(ratio, rel=1e-4)
        assert found["rouge"] == pytest.approx(rouge["rougeL"].recall)
        assert found["rouge_1"] == pytest.approx(rouge["rouge1"].recall)
        if row.set == "forget":
            assert found["truth_score"] == pytest.approx(min(ratio, 1 / (ratio + 1e-10)), rel=1e-4)
        else:
            assert found["truth_score"] == pytest.approx(max(0, 1 - ratio), rel=1e-4, abs=1e-6)
            p = np.exp(-losses["answer"])
            assert found["probability"] == pytest.approx(p / (p + np.exp(-np.array(wrong)).sum() + 1e-10), rel=1e-4)


def test_the_reference_attack_and_forget_quality(tokens, models, answers):
    ours, theirs = (of(model, tokens, answers) for model in models)
    table = aggregated(ours, theirs)
    gaps, ratios = {"forget": [], "holdout": []}, {0: [], 1: []}
    for row in tokens[tokens["variant"] == "answer"].itertuples():
        if row.set in gaps:
            gaps[row.set].append(peer_loss(models[0], row) - peer_loss(models[1], row))
    pairs = [(f, h) for f in gaps["forget"] for h in gaps["holdout"]]
    assert table.loc["membership.reference", "value"] == pytest.approx(np.mean([h > f for f, h in pairs]))
    for i, examples in enumerate((ours, theirs)):
        ratios[i] = examples.loc[examples["set"] == "forget", "truth_ratio"].to_numpy()
    peer = ks_2samp(1 / (ratios[0] + 1e-10), 1 / (ratios[1] + 1e-10)).pvalue
    assert table.loc["forget_quality", "value"] == pytest.approx(peer)


def test_a_document_that_was_cut_is_compressed_as_it_was_read(tokens, tokenizer):
    documents = tokens[tokens["set"] == "holdout"].set_index("row_id")
    cut, whole = documents.loc["h0"], documents.loc["h1"]
    assert len(cut["input_ids"]) == LENGTH
    assert cut["scored_text"] == tokenizer.decode(cut["input_ids"])
    assert len(cut["scored_text"]) < len(cut["text"])
    assert pd.isna(whole["scored_text"])
    assert tokenizer.decode(whole["input_ids"]) == whole["text"]  # no end-of-sequence token
