"""How far guessing without reasoning gets on a dataset.

Imports `proof` and `stored`.
"""
