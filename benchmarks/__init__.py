"""What is run: recipes, the run itself, and what is measured of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "recipe": ["Recipe", "load_recipe", "recipe_names"],
    },
)
