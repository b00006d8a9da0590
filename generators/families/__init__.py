"""The dataset families: names, random graphs and samplers, one family a file.

Imports the ground floor and `wordings`.
"""
