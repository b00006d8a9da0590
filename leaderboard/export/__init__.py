"""Results in the formats of other tools.

Imports the leaderboard's own records.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "formats": ["write_export"],
    },
)
