"""Kills, damaged files and bad inputs, counted: ``make faults`` runs all, the suite a sample of each."""
