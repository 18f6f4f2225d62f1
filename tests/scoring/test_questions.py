"""Answers that share their question's forward pass get the scores that each has alone."""

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, MambaConfig, MambaForCausalLM, MistralConfig, MistralForCausalLM

from blur_pipeline.models.examples import IGNORED, Examples
from blur_pipeline.models.forward import Forward
from blur_pipeline.scoring.questions import buckets, question_length, reads_trees, tree_batch, tree_length, trees
from blur_pipeline.scoring.token_scores import score_tokens
from tests.conftest import build_tiny_model

MISTRAL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.fixture
def asked() -> Examples:
    """Five questions with one to four answers each, and a document; two questions begin alike."""
    rng = np.random.default_rng(0)
    questions = [rng.integers(3, 64, n) for n in (4, 7, 7, 3, 5)]
    questions[2][:3] = questions[1][:3]
    ids, labels = [], []
    for question, answers in zip(questions, (3, 1, 4, 2, 3), strict=True):
        for _ in range(answers):
            answer = rng.integers(3, 64, rng.integers(1, 9))
            ids.append(np.concatenate([question, answer]))
            labels.append(np.concatenate([np.full(len(question), IGNORED), answer]))
    document = rng.integers(3, 64, 11)
    return Examples.from_columns([*ids, document], [*labels, document])


def test_rows_with_the_same_question_make_a_tree(asked):
    grown = trees(asked, 1000)
    assert grown == [[0, 1, 2], [3], [4, 5, 6, 7], [8, 9], [10, 11, 12], [13]]
    for tree in grown:
        length = question_length(asked, tree[0])
        assert tree_length(asked, tree) == length + sum(len(asked.input_ids[r]) - length for r in tree)
    short = trees(asked, 12)
    assert sorted(row for tree in short for row in tree) == list(range(14))
    assert all(tree_length(asked, tree) <= 12 or len(tree) == 1 for tree in short)
    for size in (1, 30, 1000):
        batches = list(buckets(asked, grown, size))
        assert sorted(tree for batch in batches for tree in batch) == sorted(grown)


def test_a_branch_sees_its_question_and_itself(asked):
    """Question 8: three tokens, then two answers of a and b tokens."""
    batch = tree_batch(asked, [[8, 9]])
    a, b = (len(asked.input_ids[row]) - 3 for row in (8, 9))
    mask = batch.attention_mask[0, 0].int().tolist()
    expected = np.zeros((3 + a + b, 3 + a + b), int)
    expected[:, :3] = 1
    expected[:3, :3] = np.tri(3)
    expected[3 : 3 + a, 3 : 3 + a] = np.tri(a)
    expected[3 + a :, 3 + a :] = np.tri(b)
    assert mask == expected.tolist()
    assert batch.position_ids[0].tolist() == [0, 1, 2, *range(3, 3 + a), *range(3, 3 + b)]
    assert batch.predicting[0] == batch.predicting[a] == 2  # the question's end predicts both answers' beginning


def models():
    torch.manual_seed(0)
    yield build_tiny_model()
    yield GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=2, n_positions=64))
    yield MistralForCausalLM(MistralConfig(vocab_size=64, num_key_value_heads=2, head_dim=4, **MISTRAL))


@pytest.mark.parametrize("model", models(), ids=lambda m: type(m).__name__)
def test_every_answer_has_the_scores_it_has_alone(model, asked):
    model.eval()
    assert reads_trees(model, asked, [0, 1])
    for size in (1, 40, 1000):
        table = score_tokens(model, asked, size, "test")
        for row in range(len(asked)):
            with torch.no_grad():
                alone = Forward(model, asked.batch([row])).token_logprobs()
            np.testing.assert_allclose(table["logprob"][row], alone, atol=1e-5)


def test_a_question_is_read_once(asked):
    model, seen = build_tiny_model(), []
    model.get_decoder().layers[0].register_forward_pre_hook(lambda _m, inputs: seen.append(inputs[0].shape[:2]))
    score_tokens(model, asked, 1000, "test")
    assert len(seen) == 4  # a tree and its two rows, to try it, then all at once
    grown = trees(asked, 1000)
    assert seen[-1] == (len(grown), max(tree_length(asked, tree) for tree in grown))
    assert sum(tree_length(asked, tree) for tree in grown) < sum(map(len, asked.input_ids))


def test_a_recurrent_model_is_scored_row_by_row(asked):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "state_size": 4}
    model = MambaForCausalLM(MambaConfig(vocab_size=64, **sizes)).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.5)  # weights that make the past matter
    assert not reads_trees(model, asked, [0, 1])
    table = score_tokens(model, asked, 1, "test")
    with torch.no_grad():
        alone = Forward(model, asked.batch([1])).token_logprobs()
    np.testing.assert_allclose(table["logprob"][1], alone, atol=1e-4)
