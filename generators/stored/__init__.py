"""Examples on disk: folders, file formats, GSM8k-Aug and your own files.

Imports the table of datasets.
"""
