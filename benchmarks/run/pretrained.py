"""A pretrained model as the start of every method: from the Hub, or from a local folder.

Coconut's tokens are added to its tokenizer. Their embeddings begin as a copy of an existing token's, as in
the published code, where it is ``<<``.
"""

from __future__ import annotations

import hashlib

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ...coconut.tokens import BEGIN_THOUGHT, END_THOUGHT, LATENT, PAUSE
from ..recipe_parts import ModelPart

ADDED = (LATENT, PAUSE, BEGIN_THOUGHT, END_THOUGHT)


def load_pretrained(part: ModelPart) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The model in fp32 and its tokenizer, with Coconut's tokens added.

    Raises ValueError in one line where the model cannot be had, or its tokenizer has no end token.
    """
    name = str(part.pretrained)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, revision=part.revision)
        model = AutoModelForCausalLM.from_pretrained(name, revision=part.revision, dtype=torch.float32)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(
            f"the model {name} cannot be loaded from the Hub or its cache ({reason}); without a network, run "
            f"`hf download {name} --local-dir FOLDER` where there is one, and give --model FOLDER"
        ) from error
    if tokenizer.eos_token_id is None:
        raise ValueError(f"the tokenizer of {name} must have an end token (eos_token), got none")
    _add_tokens(model, tokenizer, part.copy_token)
    return model, tokenizer


def weights_hash(model: PreTrainedModel) -> str:
    """The SHA-256 of the model's parameters and buffers, by name."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


@torch.no_grad()
def _add_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, copy_token: str | None) -> None:
    """Add Coconut's tokens; their rows of the embedding and of the head are ``copy_token``'s, or the mean."""
    new = [token for token in ADDED if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens(new, special_tokens=True)
    rows = model.get_input_embeddings().weight.size(0)  # type: ignore[operator]
    if len(tokenizer) > rows:  # some models have more rows than tokens; none is taken away
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    if not new:
        return
    if copy_token is None:
        old = torch.arange(len(tokenizer) - len(new))
    else:
        old = torch.tensor(tokenizer(copy_token, add_special_tokens=False)["input_ids"][:1])
    ids = torch.tensor(tokenizer.convert_tokens_to_ids(new))
    for table in (model.get_input_embeddings(), model.get_output_embeddings()):
        if isinstance(table, torch.nn.Embedding | torch.nn.Linear):
            table.weight[ids] = table.weight[old].mean(0)
