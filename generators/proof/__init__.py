"""Reads a question back from its text and proves its answer.

Shares no code with the samplers; of `families` it imports the lists of names only.
"""
