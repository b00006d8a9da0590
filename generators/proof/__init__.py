"""Proves the answer of a question that was read back from its text.

Imports the ground floor, `stored`, the readers of `wordings` and, of `families`, the lists of names only; it
shares no code with the samplers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "contracts": ["CONTRACTS", "Contract", "labels"],
        "process": ["Category", "categorize", "split_written"],
        "proved": ["Proved", "require"],
        "records": ["VerificationError", "prove"],
        "verify": ["verify_dir", "verify_file"],
    },
)
