"""What is in the thoughts? Readouts of finished runs.

Imports `run` and `controls`.
"""
