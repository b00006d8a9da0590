"""What is asked: datasets of questions with their chains of thought. No torch, no network."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "answers": ["is_right", "read_answer"],
        "datasets": ["DATASETS", "content_hash", "examples", "get_dataset"],
        "example": ["Example", "Graph", "canonical_row"],
        "lookup": ["pick"],
        "plugins": ["load_plugins"],
        "row": ["Dataset"],
        "tasks": ["TaskDataset", "create_dataset", "score_answer"],
    },
)
