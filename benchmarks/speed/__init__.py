"""Speed of training, evaluation, generation and startup, as ratios measured in one run.

Imports no other wing.
"""
