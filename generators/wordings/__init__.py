"""How a question is told and read back: one row of a table and one file a wording.

Imports nothing else of the package.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "reading": ["Reading", "read_question"],
        "row": ["Asked", "Paper", "Premises", "Text", "Wording"],
        "table": ["PAPERS", "WORDINGS"],
    },
)
