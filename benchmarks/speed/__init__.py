"""Speed of training, evaluation, generation and startup, as ratios measured in one run.

Imports no other wing.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "findings": ["Finding", "Setting"],
        "report": ["speed"],
    },
)
