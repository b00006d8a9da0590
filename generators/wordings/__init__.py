"""How a question is told and read back: one row of a table and one file a wording.

Imports nothing else of the package.
"""
