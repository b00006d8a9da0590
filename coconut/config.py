"""The configuration of a Coconut model."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, PreTrainedConfig


class CoconutConfig(PreTrainedConfig):
    """The base model's configuration, the token that marks a thought, and how thoughts are computed.

    Args:
        base_config: Configuration of any causal LM: an object, or its dictionary with ``model_type``. Its
            ``loops`` says how often the layers are applied (see `looping`).
        latent_token_id: The token that marks a continuous thought.
        halting: Whether the model has a classifier that predicts whether a thought is the last one.
        recurrence: A row of `recurrence.RECURRENCES`.
        slots: The largest number of thoughts that can be updated together (``jacobi`` only).
        sweeps: T, the number of times that they are updated (``jacobi`` only).
        after_question: The tokens between question and answer (thoughts or pause tokens, and the markers
            around them), which ``generate`` appends to a question; None for none.
        without_thoughts: The same if there are to be no thoughts: empty markers, or None for none.
        **kwargs: Fields of `transformers.PreTrainedConfig`.
    """

    model_type = "coconut"

    def __init__(
        self,
        base_config: PreTrainedConfig | dict[str, Any] | None = None,
        latent_token_id: int | None = None,
        halting: bool = False,
        recurrence: str = "sequential",
        slots: int = 0,
        sweeps: int = 0,
        after_question: list[int] | None = None,
        without_thoughts: list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(base_config, dict):
            fields = dict(base_config)
            base_config = AutoConfig.for_model(fields.pop("model_type"), **fields)
        self.base_config = base_config
        self.latent_token_id = latent_token_id
        self.halting = halting
        self.recurrence, self.slots, self.sweeps = recurrence, slots, sweeps
        self.after_question = list(after_question or ())
        self.without_thoughts = list(without_thoughts or ())
        super().__init__(**kwargs)

    @property
    def thoughts(self) -> int:
        """Continuous thoughts per question; the largest number if a classifier ends them."""
        return sum(token == self.latent_token_id for token in self.after_question)

    def get_text_config(self, *args: Any, **kwargs: Any) -> PreTrainedConfig:
        """Return the base model's, where transformers looks up layers, width and vocabulary to generate."""
        return self if self.base_config is None else self.base_config.get_text_config(*args, **kwargs)


AutoConfig.register("coconut", CoconutConfig)
