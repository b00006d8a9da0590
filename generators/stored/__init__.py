"""Examples on disk: folders, file formats, GSM8k-Aug and your own files.

Imports the table of datasets.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "folder": ["read_split"],
        "formats": ["read_examples", "read_manifest"],
        "sources": ["load_source"],
        "write": ["generate", "plan"],
    },
)
