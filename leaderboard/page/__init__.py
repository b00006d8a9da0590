"""The static page of a leaderboard, and the HTML that it is made of.

Imports the leaderboard's own records.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "site": ["write_page"],
    },
)
