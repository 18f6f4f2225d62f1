"""Outputs with given values, for losses against values derived by hand."""

from __future__ import annotations

import torch

from blur_pipeline.methods.choice import Moment


class Given:
    """``Outputs`` (methods/choice.py): each quantity is what was given under its name.

    From ``supervised_logits`` (N, V), ``targets`` (N,) and ``sequence`` (N,) the others that need no model follow.
    """

    def __init__(self, **values):
        for name, value in values.items():
            setattr(self, name, lambda *_args, value=value: value)

    def per_token(self, function, reference=None):
        targets = self.targets() if "targets" in vars(self) else None
        return function(self.supervised_logits(), targets, reference and reference.supervised_logits())

    def token_logprobs(self):
        return self.supervised_logits().log_softmax(-1)[torch.arange(len(self.targets())), self.targets()]

    def sequence_logprobs(self):
        sequence = self.sequence()
        return torch.zeros(int(sequence.max()) + 1).index_add(0, sequence, self.token_logprobs())

    def supervised_tokens(self):
        return torch.bincount(self.sequence())

    def later(self):
        return torch.cat([torch.tensor([False]), self.sequence()[1:] == self.sequence()[:-1]])

    def moment(self):
        return Moment()
