"""How fast everything is, as ratios measured in one run.

Imports no other wing.
"""
