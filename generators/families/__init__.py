"""The dataset families: names, wordings, random graphs and samplers, one family a file.

Imports the ground floor only.
"""
