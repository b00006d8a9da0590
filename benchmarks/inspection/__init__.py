"""What finished runs wrote, question by question, and how they learned: samples and training curves.

Imports `run`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "curves": ["Training", "read_training"],
        "plot": ["draw"],
        "samples": ["Transcript", "likely", "read_transcripts"],
    },
)
