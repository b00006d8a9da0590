"""Runs and sweeps: recipe + method + dataset + seed → trained model, predictions, Result.

Imports no other wing.
"""
