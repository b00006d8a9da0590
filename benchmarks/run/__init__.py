"""One run: recipe + method + dataset + seed → trained model, predictions, Result; and sweeps of them.

Imports no other wing.
"""
