"""Tokenizers: a word-level one made from a dataset's vocabulary, or any other with Coconut's tokens added.

The word-level tokenizer splits at white space and before punctuation, so a symbolic premise ``4 7 .`` is
three tokens and a line break is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..generators.answers import ANSWER_MARKER

PAD, END = "<pad>", "<eos>"
LATENT, PAUSE, BEGIN_THOUGHT, END_THOUGHT = "<latent>", "<pause>", "<bot>", "<eot>"
FORWARD, BACKWARD = ">", "<"
WORD = rf"{ANSWER_MARKER}|\w+|[^\w\s]"
"""What the word-level tokenizer takes for one token; white space separates and is dropped."""


@dataclass(frozen=True)
class SpecialIds:
    """The ids of the tokens that no text holds."""

    pad: int
    end: int
    latent: int
    pause: int
    begin_thought: int
    end_thought: int

    def around(self, is_wanted: bool) -> tuple[list[int], list[int]]:
        """What stands before and after thoughts: ``<bot>`` and ``<eot>``, or nothing."""
        return ([self.begin_thought], [self.end_thought]) if is_wanted else ([], [])


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A word-level tokenizer over ``words`` (order kept, repeats dropped) and the special tokens.

    ``encode`` raises nothing on an unknown word but gives ``<unk>``; `encoding.encode` refuses that id.
    """
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

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
    )


def split_words(text: str) -> list[str]:
    """The words that `word_tokenizer` splits ``text`` into.

    >>> split_words("Is Tom a lempus?")
    ['Is', 'Tom', 'a', 'lempus', '?']
    """
    return re.findall(WORD, text)


def special_ids(tokenizer: PreTrainedTokenizerBase) -> SpecialIds:
    """The special ids of ``tokenizer``; ValueError naming the token that it lacks."""

    def of(token: str) -> int:
        known = tokenizer.get_vocab()
        if token not in known:
            raise ValueError(f"the tokenizer must hold the token {token}: add it with add_special_tokens")
        return known[token]

    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer must have an end token (eos_token), got none")
    pad = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    return SpecialIds(pad, tokenizer.eos_token_id, of(LATENT), of(PAUSE), of(BEGIN_THOUGHT), of(END_THOUGHT))
