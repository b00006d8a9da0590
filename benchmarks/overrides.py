"""Changes of single settings of a recipe: by a file that extends another, or by ``-o optimizer.lr=3e-4``.

A changed part is merged with the old one, key by key and at any depth, with two exceptions. Settings of which
a recipe has exactly one (`EITHER`) replace one another. A part that names another dataset, optimizer or model
(`NAMES`) replaces the old one whole, whose settings were those of the other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from ..generators.lookup import pick
from ..generators.terminal import shown
from .plain_yaml import read_yaml

NAMES = ("name", "pretrained", "architecture")
EITHER = (
    ("stage_steps", "stage_epochs"),
    ("earlier_stages", "mixing"),
    ("checks_in_last_stage", "validate_every"),
)

Fields = dict[str, Any]


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> Fields:
    """Merge the settings of a recipe or part.

    Args:
        old: Settings to start from.
        new: Settings that differ; None takes one away.

    Returns:
        All settings.
    """
    gone = {name for pair in EITHER for name in pair if any(other in new for other in pair if other != name)}
    found: Fields = {name: value for name, value in old.items() if name not in gone - new.keys()}
    for name, value in new.items():
        before = found.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and not _is_another(before, value):
            value = merged(before, value)
        found[name] = value
    return found


def _is_another(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether a part names something else than the old one did."""
    return any(name in new and new[name] != old.get(name) for name in NAMES)


def parse_settings(texts: Sequence[str], model: type[BaseModel]) -> Fields:
    """Parse the command line's settings.

    Args:
        texts: ``key.key=value`` each; values are JSON or YAML.
        model: What has the keys.

    Returns:
        The settings, nested.

    Raises:
        ValueError: A text has another form, a key is unknown (the nearest one is named), or two contradict.
    """
    found: Fields = {}
    for text in texts:
        place, equals, value = text.partition("=")
        if not (place and equals):
            raise ValueError(f"-o must be key=value, such as optimizer.lr=3e-4, got {text!r}")
        keys = place.split(".")
        _check(keys, model, place)
        at = found
        for key in keys[:-1]:
            at = at.setdefault(key, {})
            if not isinstance(at, dict):
                raise ValueError(f"-o {text} must not be given with a value of {key}")
        if keys[-1] in at:
            raise ValueError(f"-o {place} must be given once")
        at[keys[-1]] = _value(value)
    return found


def _check(keys: Sequence[str], model: type[BaseModel], place: str) -> None:
    """Raise ValueError for a key that no recipe has; inside free mappings (model.config) any is allowed."""
    part: type[BaseModel] | None = model
    for index, key in enumerate(keys):
        if part is None:
            return
        known = {name: name for name in part.model_fields if (part, name) != (model, "name")}
        pick(known, key, f"setting in -o {place}:" if index == 0 else f"setting of {keys[index - 1]}")
        annotation = part.model_fields[key].annotation
        inner = [one for one in (annotation, *get_args(annotation)) if isinstance(one, type)]
        part = next((one for one in inner if issubclass(one, BaseModel)), None)
        if part is None and index + 1 < len(keys) and "dict" not in str(annotation):
            raise ValueError(f"-o {place}: {key} has no settings of its own")


def _value(text: str) -> Any:
    """Read a value within the limits of a recipe; YAML alone takes 3e-4 for a text."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return read_yaml(text.encode("utf-8", "surrogateescape"), f"-o value {shown(text)}")
    read_yaml(json.dumps(value).encode(), f"-o value {shown(text)}")
    return value


def short(texts: Sequence[str]) -> str:
    """Name settings in a directory's name.

    Args:
        texts: As for `parse_settings`.

    Returns:
        ``-lr-3e-4`` for ``optimizer.lr=3e-4``; empty for none.
    """
    parts = (text.partition("=") for text in texts)
    names = (f"{place.rpartition('.')[2]}-{value}" for place, _, value in parts)
    return "".join("-" + re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") for name in names)
