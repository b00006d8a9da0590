"""The dataset families: names, wordings, random graphs and samplers, one file per family.

Imports the ground floor only.
"""
