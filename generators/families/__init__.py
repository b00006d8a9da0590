"""The dataset families: names, random graphs and samplers, one family per file.

Imports the ground floor and `wordings`.
"""
