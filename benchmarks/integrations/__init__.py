"""Datasets and runs in other evaluation tools.

Imports `run`.
"""
