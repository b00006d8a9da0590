"""The processes that train one run together: each has the whole model and a share of each batch.

Without a wrapper around the model: what a process has computed is summed once per optimizer step, so that the
number of forward passes, and which weights each of them uses, may differ between processes and steps.
"""

from __future__ import annotations

import atexit
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
from accelerate import PartialState
from torch import Tensor, distributed, nn

from . import launch

T = TypeVar("T")

BUCKET = 1 << 23
"""Gradients that are summed at once, in values."""
PATIENCE = timedelta(days=1)
"""How long processes wait for one another, as process 0 may train a base model or answer other questions.
A process that has ended is noticed by the launcher, not by waiting."""


class ProcessLost(OSError):
    """Another process of the run has ended or cannot be reached."""


@dataclass(frozen=True)
class Processes:
    """This process among those of a run.

    Attributes:
        device: Where this process computes.
        rank: Its number, from 0.
        count: The number of processes.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    @property
    def hides_bars(self) -> bool | None:
        """Whether progress bars are disabled; None where that is decided by the terminal."""
        return None if self.is_main else True

    def largest(self, values: Sequence[float]) -> list[float]:
        """Return the largest of all processes' values, at each place.

        Args:
            values: As many in each process.
        """
        return self._reduced(values, distributed.ReduceOp.MAX)

    def total(self, values: Sequence[float]) -> list[float]:
        """Return the sum of all processes' values, at each place.

        Args:
            values: As many in each process.
        """
        return self._reduced(values, distributed.ReduceOp.SUM)

    def _reduced(self, values: Sequence[float], how: distributed.ReduceOp.RedOpType) -> list[float]:
        if self.count == 1:
            return list(values)
        numbers = torch.tensor(values, dtype=torch.float64, device=self.device)
        with self._reachable():
            distributed.all_reduce(numbers, how)
        return [float(value) for value in numbers.tolist()]

    def gathered(self, value: T) -> list[T]:
        """Return every process's value, in the order of the processes.

        Args:
            value: Anything that can be pickled.
        """
        if self.count == 1:
            return [value]
        found: list[T] = [value] * self.count
        with self._reachable():
            distributed.all_gather_object(found, value)
        return found

    def shared(self, value: T) -> T:
        """Return process 0's value; the others wait for it.

        Args:
            value: Anything that can be pickled; ignored in the other processes.
        """
        if self.count == 1:
            return value
        found = [value]
        with self._reachable():
            distributed.broadcast_object_list(found, src=0)
        return found[0]

    def of_first(self, work: Callable[[], T]) -> T:
        """Return what process 0's work returns, or raise its error, in every process: none waits for another.

        Args:
            work: Runs in process 0; what it returns or raises can be pickled.

        Raises:
            ValueError: As in process 0.
            OSError: As in process 0.
        """
        found: tuple[T | None, Exception | None] = (None, None)
        if self.is_main:
            try:
                found = work(), None
            except (ValueError, OSError) as error:
                found = None, error
        value, problem = self.shared(found)
        if problem is not None:
            raise problem
        return value  # type: ignore[return-value]

    @contextmanager
    def first(self) -> Iterator[None]:
        """Let process 0 run the body before the others."""
        if not self.is_main:
            self.largest([0.0])
        yield
        if self.is_main:
            self.largest([0.0])

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by its sum over processes; one that no process has stays None.

        Args:
            parameters: The model's, in the same order in each process.
        """
        if self.count == 1:
            return
        everything = list(parameters)
        is_used = self.largest([float(one.grad is not None) for one in everything])
        for bucket in _buckets([one for one, used in zip(everything, is_used, strict=True) if used]):
            grads = [torch.zeros_like(one) if one.grad is None else one.grad for one in bucket]
            flat = torch.cat([grad.flatten() for grad in grads])
            with self._reachable():
                distributed.all_reduce(flat)
            for one, piece in zip(bucket, flat.split([one.numel() for one in bucket]), strict=True):
                one.grad = piece.view_as(one)

    def std(self, values: Tensor, group: int, weight: float) -> Tensor:
        """Return the standard deviation over the values of all processes of a group; every process must call.

        Args:
            values: This process's.
            group: The group's number.
            weight: 0 if this process's values do not count, else 1.
        """
        exact = values.double()
        mean = exact.mean()
        own = torch.stack(
            [torch.full_like(mean, group), torch.full_like(mean, weight * values.numel()), mean,
             weight * (exact - mean).square().sum()]
        )  # fmt: skip
        found = [torch.empty_like(own) for _ in range(self.count)]
        with self._reachable():
            distributed.all_gather(found, own)
        groups_P, counts_P, means_P, squares_P = torch.stack(found).T
        counts_P = torch.where(groups_P == group, counts_P, 0.0)
        count = counts_P.sum()
        between = counts_P * (means_P - (counts_P * means_P).sum() / count).square()
        within = torch.where(counts_P > 0, squares_P, 0.0)
        return ((within + between).sum() / (count - 1)).sqrt().to(values.dtype)

    def check_same(self, model: nn.Module) -> None:
        """Check that every process has the same weights, to the last bit.

        Args:
            model: The model.

        Raises:
            ValueError: They differ.
        """
        if self.count == 1:
            return
        digest = hashlib.sha256()
        sums = [_bits(value).sum(dtype=torch.int64) for value in model.state_dict().values()]
        digest.update(str(torch.stack(sums).tolist()).encode())
        if len(set(self.gathered(digest.hexdigest()))) > 1:
            raise ValueError(
                "the weights differ between processes, which need machines of one kind and one file system"
            )

    @contextmanager
    def _reachable(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            raise self.lost() from error

    def lost(self) -> ProcessLost:
        """Return the error that says that another process has ended, as this one will."""
        launch.speak_before_the_end()
        return ProcessLost(
            f"another of the {self.count} processes has ended; the same command resumes from the last "
            f"checkpoint, with any number of processes"
        )


def join() -> Processes:
    """Return this process among those of its launcher, after connecting it with them once.

    Raises:
        ValueError: The launcher's configuration is not for data parallel training; see `launch.check`.
    """
    if launch.size() == 1:
        return Processes(PartialState().device)
    launch.check("run")
    if not distributed.is_initialized():
        atexit.register(_leave)
    state = PartialState(cpu=not torch.cuda.is_available(), timeout=PATIENCE, **_connection())
    return Processes(state.device, state.process_index, state.num_processes)


def _connection() -> dict[str, Any]:
    """What processes that a launcher has restarted on this machine connect by; else torch's default.

    The launcher keeps its store of addresses, with those of the processes that have ended: who reads one of
    them waits for a process that is not there, to the end of `PATIENCE` (torch 2.13). Launchers of several
    machines count their restarts each for itself, so that the count cannot tell one start from another.
    """
    environment, start = os.environ, launch.restarts()
    is_kept = environment.get("TORCHELASTIC_USE_AGENT_STORE") == str(True)
    if not (start and is_kept and environment.get("LOCAL_WORLD_SIZE") == environment["WORLD_SIZE"]):
        return {}
    from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

    address, port = environment["MASTER_ADDR"], int(environment["MASTER_PORT"])
    store = TCPStore(address, port, timeout=PATIENCE, wait_for_workers=False)
    fresh = PrefixStore(f"coconut-bench/start-{start}", store)
    return {"store": fresh, "rank": launch.rank(), "world_size": launch.size()}


def _leave() -> None:
    """Disconnect at the end of the program, unless that has been done."""
    if distributed.is_initialized():
        distributed.destroy_process_group()


def stream_seed(seed: int, rank: int, step: int) -> int:
    """Return the seed of a process's own random stream (dropout), that of process 0 being the run's.

    Args:
        seed: The run's.
        rank: The process's number.
        step: Optimizer steps done when the process joined.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{rank}/{step}".encode()).digest()[:4])


def _buckets(parameters: Sequence[nn.Parameter]) -> Iterator[list[nn.Parameter]]:
    """Parameters of one type in order, together at most `BUCKET` values or a single one."""
    bucket: list[nn.Parameter] = []
    for one in parameters:
        is_full = sum(other.numel() for other in bucket) + one.numel() > BUCKET
        if bucket and (is_full or one.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(one)
    if bucket:
        yield bucket


def _bits(value: Tensor) -> Tensor:
    """The bits of a tensor's values as whole numbers, whose sum does not depend on its order."""
    types = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    return value.detach().contiguous().view(types[value.element_size()])
