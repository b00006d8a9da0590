"""Controls: are the thoughts used? Ablations of finished runs.

Imports `run`.
"""
