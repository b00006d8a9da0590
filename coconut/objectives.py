"""What a training step minimizes: the table of objectives.

    labels         the mean cross-entropy of what is to be written; with a halting classifier, its loss too
    distillation   CODI (arXiv 2502.21074, section 3): the student's and the teacher's cross-entropy, and the
                   distance of the student's hidden states from the teacher's just before the answer

    teacher    q q q s s ### a .        s a step in words
    student    q q q L L ### a .        L a thought
                         ^              every layer: smooth L1, divided by the teacher's standard deviation

An objective is a function: (model, views, items) → loss. Of a part of a batch it gives that part's share, so
that the shares add up to the batch's loss.

Axes: B batch, D width, N labeled positions, L layers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ..generators.lookup import pick
from .encoding import IGNORE, Batch
from .loss import label_loss
from .methods import View
from .modeling import CoconutForCausalLM


class ViewBatch(NamedTuple):
    """A view of a batch, and how many of each row's last labels are the answer itself, [B]."""

    batch: Batch
    answers_B: Tensor


class Items(NamedTuple):
    """How many there are in the whole batch of which a part is computed: labels of each view, and rows."""

    labels: Mapping[View, int]
    rows: int


class Loss(NamedTuple):
    """What is minimized, and what it is made of, by name (empty where it is made of one thing)."""

    total: Tensor
    parts: Mapping[str, Tensor]


Views = Mapping[View, ViewBatch]
Objective = Callable[[CoconutForCausalLM, Views, Items | None], Loss]
"""(model, what is read, what the whole batch has; None: this is the whole batch) → loss."""


def labels(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """The model's own loss on what the student must write."""
    found = model(*views["student"].batch, num_items_in_batch=items and items.labels["student"])
    return Loss(found.loss, {})


def distillation(model: CoconutForCausalLM, views: Views, items: Items | None) -> Loss:
    """CODI's three losses, added up.

    The layers' outputs are compared, not the embeddings; the last one after the final norm. The standard
    deviation is that of the teacher's outputs of a layer over the (part of the) batch.
    """
    parts: dict[str, Tensor] = {}
    before: dict[View, list[Tensor]] = {}
    for view, read in views.items():
        found = model.labeled(*read.batch, layers=True)
        logits_NV = model.get_output_embeddings()(found.h_ND)
        parts[view] = label_loss(logits_NV, found.targets_N, items and items.labels[view])
        places_B = before_answers(read)
        before[view] = [layer_ND[places_B] for layer_ND in found.layers_LND]
    share = 1.0 if items is None else len(views["student"].answers_B) / items.rows
    parts["distance"] = share * layer_distance(before["student"], before["teacher"])
    return Loss(torch.stack(list(parts.values())).sum(), parts)


def before_answers(read: ViewBatch) -> Tensor:
    """Which of the N labels is the first of each row's answer, [B]: what stands just before predicts it."""
    labels_B = (read.batch.labels != IGNORE).sum(1)
    return labels_B.cumsum(0) - read.answers_B


def layer_distance(student_LBD: list[Tensor], teacher_LBD: list[Tensor]) -> Tensor:
    """The mean over layers of the smooth L1 distance, each divided by the teacher's standard deviation.

    No gradient flows into the teacher.
    """
    distances = []
    for student_BD, teacher_BD in zip(student_LBD, teacher_LBD, strict=True):
        teacher_BD = teacher_BD.detach().float()
        distances.append(F.smooth_l1_loss(student_BD.float(), teacher_BD) / teacher_BD.std())
    return torch.stack(distances).mean()


OBJECTIVES: Mapping[str, Objective] = {"labels": labels, "distillation": distillation}


def get_objective(name: str) -> Objective:
    """The objective called ``name``; ValueError with the nearest known name otherwise."""
    return pick(OBJECTIVES, name, "objective")
