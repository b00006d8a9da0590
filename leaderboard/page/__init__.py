"""The static page of a leaderboard, and the HTML that it is made of.

Imports the leaderboard's own records.
"""
