"""Results in the formats of other tools.

Imports the records on the floor itself.
"""
