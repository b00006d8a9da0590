"""Tokenizers: a word-level one built from a dataset's vocabulary, or any other with Coconut's tokens added.

The word-level tokenizer splits at white space and around punctuation, so a symbolic premise ``4 7 .`` is
three tokens and a line break is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..generators.answers import ANSWER_MARKER

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

PAD, END = "<pad>", "<eos>"
LATENT, PAUSE, BEGIN_THOUGHT, END_THOUGHT = "<latent>", "<pause>", "<bot>", "<eot>"
FORWARD, BACKWARD = ">", "<"
WORD = rf"{ANSWER_MARKER}|\w+|[^\w\s]"
"""One token of the word-level tokenizer; white space separates tokens and is dropped."""


@dataclass(frozen=True)
class SpecialIds:
    """Ids of the special tokens, which occur in no text."""

    pad: int
    end: int
    latent: int
    pause: int
    begin_thought: int
    end_thought: int

    def around(self, is_wanted: bool) -> tuple[list[int], list[int]]:
        """Return the markers before and after thoughts: ``[<bot>]`` and ``[<eot>]``, or two empty lists.

        Args:
            is_wanted: Whether there are markers.
        """
        return ([self.begin_thought], [self.end_thought]) if is_wanted else ([], [])


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """Build a word-level tokenizer.

    It encodes an unknown word as ``<unk>``, which `encoding.Encoder` refuses.

    Args:
        words: The vocabulary besides the special tokens; order is kept, repeats are dropped.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = [PAD, END, "<unk>", LATENT, PAUSE, BEGIN_THOUGHT, END_THOUGHT]
    ordered = dict.fromkeys([*special, ANSWER_MARKER, FORWARD, BACKWARD, *words])
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(ordered)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Split(Regex(WORD), behavior="removed", invert=True)
    core.decoder = decoders.WordPiece(prefix="\0", cleanup=False)  # joins words with one space
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        pad_token=PAD,
        eos_token=END,
        unk_token="<unk>",
        additional_special_tokens=[LATENT, PAUSE, BEGIN_THOUGHT, END_THOUGHT],
        clean_up_tokenization_spaces=False,
        padding_side="left",  # as `generate` needs it
        model_input_names=["input_ids", "attention_mask"],
    )


def split_words(text: str) -> list[str]:
    """Split a text into words as `word_tokenizer` does.

    Args:
        text: Any text.

    >>> split_words("Is Tom a lempus?")
    ['Is', 'Tom', 'a', 'lempus', '?']
    """
    return re.findall(WORD, text)


def leading_tokens(tokenizer: PreTrainedTokenizerBase) -> list[int]:
    """Return the special tokens that a tokenizer puts before a text: Llama's BOS; none for GPT-2 and Qwen.

    Args:
        tokenizer: Any tokenizer.
    """
    marked: list[int] = tokenizer(ANSWER_MARKER)["input_ids"]
    bare: list[int] = tokenizer(ANSWER_MARKER, add_special_tokens=False)["input_ids"]
    starts = range(len(marked) - len(bare) + 1)
    return marked[: next((i for i in starts if marked[i : i + len(bare)] == bare), 0)]


def special_ids(tokenizer: PreTrainedTokenizerBase) -> SpecialIds:
    """Look up the special ids of a tokenizer.

    Args:
        tokenizer: A tokenizer with Coconut's tokens and an end token; without a padding token, the end token
            is used.

    Raises:
        ValueError: A token is missing; names it.
    """

    def of(token: str) -> int:
        known = tokenizer.get_vocab()
        if token not in known:
            raise ValueError(f"the tokenizer must hold the token {token}: add it with add_special_tokens")
        return known[token]

    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer must have an end token (eos_token), got none")
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return SpecialIds(pad, tokenizer.eos_token_id, of(LATENT), of(PAUSE), of(BEGIN_THOUGHT), of(END_THOUGHT))
