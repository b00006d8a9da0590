"""The datasets and the runs in other evaluation tools.

Imports `run`.
"""
