"""How far guessing without reasoning gets on a dataset.

Imports the ground floor, `stored` and `wordings`.
"""
