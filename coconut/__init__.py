"""How a model reasons and learns: Coconut and its baselines on any causal LM of transformers."""
