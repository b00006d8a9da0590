"""What a result is: recorded, compared, drawn. Imports no torch and no model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "measures": ["Compute", "Cost", "Score", "SideFile", "Stage", "Tokens"],
        "predictions": ["Prediction", "Summary", "read_predictions", "summarize", "write_predictions"],
        "result": [
            "Base",
            "Dataset",
            "Environment",
            "Leaderboard",
            "Provenance",
            "QuotedResult",
            "Recipe",
            "Result",
            "SeedResult",
        ],
        "store": ["add", "read"],
        "table": ["render"],
    },
)
