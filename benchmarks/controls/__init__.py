"""Controls: are the thoughts used? Ablations of finished runs.

Imports `run`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "battery": ["Control"],
        "report": ["Report", "controls"],
    },
)
