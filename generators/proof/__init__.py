"""Proves the answer of a question that was read back from its text.

Imports the ground floor, `stored`, the readers of `wordings` and, of `families`, the lists of names only; it
shares no code with the samplers.
"""
