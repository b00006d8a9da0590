"""Dataset versions on the Hugging Face Hub.

Imports every other wing of this floor.
"""
