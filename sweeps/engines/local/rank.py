"""One rank of a distributed trial, in a process of its own: torch.distributed around the function."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sweeps.engines.local.channel import LinkChannel
from sweeps.engines.local.link import Link, Place
from sweeps.errors import TrialError
from sweeps.messages import Decision, Outcome, TrialSpec
from sweeps.trial import Trial, run_attempt
from sweeps.trial.attempt import describe, print_traceback
from sweeps.trial.world import of_first

if TYPE_CHECKING:
    from torch.distributed import TCPStore  # type: ignore[attr-defined]  # torch does not list it


def rank_environment(place: Place) -> dict[str, str]:
    """The variables that torchrun sets."""
    environment = {
        "RANK": str(place.rank),
        "WORLD_SIZE": str(place.size),
        "LOCAL_RANK": str(place.local_rank),
        "LOCAL_WORLD_SIZE": str(place.local_size),
        "MASTER_ADDR": place.host,
        "MASTER_PORT": str(place.port),
    }
    if place.local_size == place.size and sys.platform == "linux":
        environment["GLOO_SOCKET_IFNAME"] = "lo"  # nobody else's business, and no host name to resolve
    return environment


class Rank:
    """Runs trials for a leader. It is the ``World`` of each, and so answers for where it stands."""

    def __init__(self, link: Link, place: Place, device: str) -> None:
        self._link = link
        self._place = place
        self._device = device
        self._store: TCPStore | None = None  # one for all trials: its port was found free once
        self.rank = place.rank
        self.size = place.size

    def run(self, function: Callable[[Trial], Any], spec: TrialSpec) -> Outcome:
        """Run the attempt in a process group of its own."""
        from torch import distributed

        channel = _RankChannel(self._link, spec, self)
        try:
            self._join(spec)
        except RuntimeError as error:
            failure = describe(error, spec.directory)
            print_traceback(failure)
            outcome: Outcome = failure
        else:
            outcome = channel.settled(run_attempt(function, spec, channel, self._device, self))
        # Another rank may still be in a collective: an end of the group now would be an error there.
        self._link.send(("ended", outcome))
        self._link.receive()
        if distributed.is_initialized():
            distributed.destroy_process_group()
        return outcome

    def share(self, point: str, data: bytes) -> list[bytes | None]:
        self._link.send(("share", point, data))
        kind, answer = self._link.receive()
        if kind == "apart":
            raise TrialError(answer)
        given: list[bytes | None] = answer
        given[self.rank] = data
        return given

    def _join(self, spec: TrialSpec) -> None:
        import torch
        from torch import distributed
        from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]  # not listed

        place = self._place
        if self._store is None:
            self._store = TCPStore(
                place.host,
                place.port,
                place.size,
                is_master=place.rank == 0,
                wait_for_workers=False,
                master_listen_fd=place.listener,
            )
        device = None
        if self._device != "cpu":
            torch.cuda.set_device(self._device)
            device = torch.device(self._device) if place.backend == "nccl" else None
        distributed.init_process_group(
            place.backend,
            store=PrefixStore(f"{spec.number}/{spec.attempt}", self._store),
            rank=place.rank,
            world_size=place.size,
            device_id=device,
        )


class _RankChannel(LinkChannel):
    """Rank 0 asks the controller; the answer is for all."""

    def __init__(self, link: Link, spec: TrialSpec, rank: Rank) -> None:
        super().__init__(link, spec)
        self._rank = rank

    def _ask(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        answer = pickle.dumps(super()._ask(epoch, metrics)) if self._rank.rank == 0 else b""
        decision: Decision = pickle.loads(of_first(self._rank, f"the report of epoch {epoch}", answer))
        return decision
