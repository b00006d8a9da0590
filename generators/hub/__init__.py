"""Dataset versions on the Hugging Face Hub.

Imports every other wing of this floor.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "verify": ["verify_hub"],
    },
)
