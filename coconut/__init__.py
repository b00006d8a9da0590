"""Models, training and inference: Coconut and its baselines on any causal LM of transformers."""
