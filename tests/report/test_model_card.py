"""The page of a model's folder."""

import yaml

from blur_pipeline.corpus.chat import ChatPrompt
from blur_pipeline.corpus.prompts import PlainPrompt
from blur_pipeline.models.sources import FreshModel, PretrainedModel
from blur_pipeline.report.model_card import model_card

MADE = {"benchmark": "registry", "method": "blur_npo", "seed": 3, "rows": 20}


def front(page: str) -> dict:
    return yaml.safe_load(page.split("---\n")[1])


def test_of_a_fresh_model_it_names_no_base():
    page = model_card(MADE, FreshModel(), PlainPrompt())
    assert "base_model" not in front(page)
    assert "It began as a small Llama that was trained here, knew 20 rows" in page
    assert "\nQuestion: THE QUESTION\nAnswer:\n" in page


def test_of_a_model_of_the_hub_it_names_the_base_as_the_hub_reads_it():
    page = model_card(MADE, PretrainedModel(path="Owner/Name", revision="a" * 40), PlainPrompt())
    assert front(page)["base_model"] == "Owner/Name"
    assert f"It began as Owner/Name at {'a' * 40}, knew" in page


def test_of_a_folder_it_says_the_name_and_not_the_place(tmp_path):
    (tmp_path / "mine").mkdir()
    page = model_card(MADE, PretrainedModel(path=str(tmp_path / "mine")), PlainPrompt())
    assert "base_model" not in front(page)
    assert "It began as mine, knew" in page
    assert str(tmp_path) not in page


def test_a_chat_template_s_settings_are_told():
    page = model_card(MADE, FreshModel(), ChatPrompt(system="Be brief.", date="1 May 2024"))
    assert "as it was trained and measured, with:\n\n- system prompt: `Be brief.`\n- date: `1 May 2024`\n" in page
    bare = model_card(MADE, FreshModel(), ChatPrompt())
    assert "as it was trained and measured.\n" in bare
