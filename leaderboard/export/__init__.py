"""Results in the formats of other tools.

Imports the leaderboard's own records.
"""
