"""What stands for a picture where a test looks at none: to draw those of one analysis takes seconds."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def empty_picture(figure: Figure, file: Any, **options: Any) -> None:
    """Stands for `Figure.savefig`."""
    if isinstance(file, io.BytesIO):
        file.write(b"<svg/>")
    else:
        Path(file).write_bytes(b"<svg/>")
