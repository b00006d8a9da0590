"""Models, training and inference: Coconut and its baselines on any causal LM of transformers."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["CoconutConfig"],
        "curriculum": ["Schedule"],
        "encoding": ["Encoder"],
        "methods": ["METHODS", "Method", "get_method"],
        "modeling": ["CoconutForCausalLM"],
        "objectives": ["OBJECTIVES"],
        "recurrence": ["RECURRENCES"],
        "thinking": ["Reasoner", "Thinking"],
        "tokens": ["special_ids", "word_tokenizer"],
        "training": ["Trainer"],
    },
)
