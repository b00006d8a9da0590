"""What is in the thoughts? Readouts of finished runs.

Imports `run` and `controls`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "report": ["Analysis", "analyze"],
        "view": ["View"],
        "views": ["VIEWS"],
    },
)
