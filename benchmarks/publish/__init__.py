"""A finished run as a model repository of the Hub.

Imports `run`, and `hub` of the generators.
"""
