"""Answers and models that were made elsewhere: scored here, in the form of this package.

Imports `run`.
"""
