"""The unlearned model as MLflow keeps it: this file is stored beside the weights and run to load them.

It imports nothing of this project, so that an auditor can load the model with mlflow and transformers alone.
"""

import json
from pathlib import Path

import mlflow
from mlflow.pyfunc import PythonModel


class AnsweringModel(PythonModel):
    """Answers questions greedily, in the prompt format the model was trained with."""

    def load_context(self, context):
        """Load weights and tokenizer from the artifacts, or the weights from where the settings refer to."""
        from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

        settings = json.loads(Path(context.artifacts["settings"]).read_text())
        self.prompt, self.max_new_tokens = settings["prompt"], settings["max_new_tokens"]
        self.before, self.opening, self.stops = settings["before"], settings["opening"], settings["stops"]
        weights = context.artifacts.get("weights") or settings["weights"]
        # Said in words: unsaid, transformers asks at a terminal whether code that lies there may run.
        known = {"trust_remote_code": False}
        self.tokenizer = AutoTokenizer.from_pretrained(context.artifacts.get("tokenizer", weights), **known)
        self.model = AutoModelForCausalLM.from_pretrained(weights, use_safetensors=True, **known).eval()
        self.model.generation_config = GenerationConfig()  # greedy, as it was measured, whatever the folder says

    def predict(self, model_input: list[str], params=None) -> list[str]:
        """One answer per question."""
        return [self._answer(question) for question in model_input]

    def _answer(self, question):
        import torch

        ids = torch.tensor([self._encode(question)])
        with torch.inference_mode():
            out = self.model.generate(
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=self.max_new_tokens,
                do_sample=False,
                pad_token_id=self.tokenizer.pad_token_id,
                eos_token_id=self.stops,
            )
        said = [i for i in out[0, ids.shape[1] :].tolist() if i not in self.stops]
        return self.tokenizer.decode(said, skip_special_tokens=True).strip()

    def _encode(self, question):
        if self.prompt["kind"] == "plain":
            text = f"{self.before}{self.prompt['question_prefix']}{question}{self.prompt['question_suffix']}"
            return [*self.opening, *self.tokenizer(text, add_special_tokens=False)["input_ids"]]
        turns = [{"role": "user", "content": question}]
        if self.prompt["system"] is not None:
            turns.insert(0, {"role": "system", "content": self.prompt["system"]})
        pinned, template = dict(self.prompt["template_arguments"]), self.tokenizer.get_chat_template()
        if self.prompt["date"] is not None:
            pinned |= {"date_string": self.prompt["date"], "pinned_date": self.prompt["date"]}
            template = "{% macro strftime_now(format) %}{{ pinned_date }}{% endmacro %}\n" + template
        text = self.tokenizer.apply_chat_template(
            turns, chat_template=template, tokenize=False, add_generation_prompt=True, **pinned
        )
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]


mlflow.models.set_model(AnsweringModel())
