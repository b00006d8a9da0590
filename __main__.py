"""``python -m coconut_bench`` is the command ``coconut-bench``."""

from .cli import main

main()
