"""What is run: recipes, the run itself, and what is measured of it."""
