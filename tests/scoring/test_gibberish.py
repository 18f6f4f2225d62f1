"""A classifier by path says how clean a text is; one without such a class is refused."""

import pytest
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

from blur_pipeline.config.errors import BadInputError
from blur_pipeline.scoring.gibberish import cleanliness

TEXTS = ["The cat sat on the mat.", "sat", "cat cat the who " * 40]


def classifier(folder, tokenizer, names):
    torch.manual_seed(0)
    sizes = {"dim": 16, "hidden_dim": 32, "n_layers": 1, "n_heads": 2, "max_position_embeddings": 48}
    classes = {"id2label": dict(enumerate(names)), "num_labels": len(names)}
    config = DistilBertConfig(vocab_size=len(tokenizer), **classes, **sizes)
    model = DistilBertForSequenceClassification(config).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model


def test_the_probability_of_the_clean_class_whatever_the_batches(tmp_path, tokenizer):
    """The field's classifier calls its classes clean, mild gibberish, noise and word salad."""
    model = classifier(tmp_path, tokenizer, ["noise", "Clean", "word salad"])
    expected = []
    for text in TEXTS:
        ids = torch.tensor([tokenizer(text, truncation=True, max_length=48)["input_ids"]])
        with torch.no_grad():
            expected.append(model(input_ids=ids).logits[0].softmax(-1)[1].item())
    for size in (1, 3):
        found = cleanliness(str(tmp_path), None, TEXTS, torch.device("cpu"), size)
        assert found == pytest.approx(expected, abs=1e-5)
    assert len(cleanliness(str(tmp_path), None, [], torch.device("cpu"), 4)) == 0


def test_what_is_no_such_classifier_is_named(tmp_path, tokenizer):
    classifier(tmp_path, tokenizer, ["noise", "word salad"])
    with pytest.raises(BadInputError, match="no class 'clean', only noise, word salad"):
        cleanliness(str(tmp_path), None, TEXTS, torch.device("cpu"), 2)
    with pytest.raises(BadInputError, match=r"gibberish_classifier"):
        cleanliness(str(tmp_path / "nowhere"), None, TEXTS, torch.device("cpu"), 2)
