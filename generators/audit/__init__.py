"""How far guessing without reasoning gets on a dataset.

Imports the ground floor, `stored` and `wordings`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "puzzle": ["Puzzle"],
        "report": ["Report", "audit", "shortcut_status"],
    },
)
