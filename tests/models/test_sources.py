"""What is known of a model before it is loaded."""

from transformers import Gemma3Config

from blur_pipeline.models.sources import PretrainedModel


def test_a_model_that_sees_pictures_too_says_of_its_text_how_much_it_reads(tmp_path):
    """Its configuration is made of several, and the outer one has no such number."""
    text = {"max_position_embeddings": 96, "num_hidden_layers": 3}
    Gemma3Config(text_config=text).save_pretrained(tmp_path)
    model = PretrainedModel(path=str(tmp_path))
    assert (model.context_length(), model.depth()) == (96, 3)
