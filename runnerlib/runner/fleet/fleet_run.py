"""Run of a workflow on a fleet: the things that all its jobs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runnerlib.runner.fleet.codec import DamagedError, decode
from runnerlib.runner.fleet.seal import JobCipher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from runnerlib.masking.known import Known, KnownSecrets
    from runnerlib.runner.fleet.contract import Engine, Frame
    from runnerlib.runner.fleet.run_record import RunRecord
    from runnerlib.runner.fleet.shipping import Shipping
    from runnerlib.runner.workflow.plan import WorkflowPlan


class Fleet:
    """The things that all jobs of a run share; `tell` tells other jobs what one has found out to be secret."""

    def __init__(
        self,
        plan: WorkflowPlan,
        engine: Engine,
        masker: KnownSecrets,
        public: bytes,
        records: Path,
        run: RunRecord,
        shipping: Shipping,
    ) -> None:
        self.plan = plan
        self.engine = engine
        self.masker = masker
        self.public = public
        self.records = records
        self.run = run
        self.shipping = shipping
        self.tell: Callable[[Known, int], None] = lambda _secrets, _source: None

    def learn(self, frame: Frame) -> Known:
        """Mask the secrets in a frame from now on. Raises SealError and DamagedError."""
        cipher = JobCipher(self.run.job_key(frame.number))
        secrets = _secrets(decode(cipher.opened(frame.sealed, frame.about(self.run.run))))
        self.masker.register_secrets([value for value, _ in secrets], [name for _, name in secrets])
        return secrets


def _secrets(given: Any) -> Known:
    """Return secrets of a worker. Raises DamagedError for anything else."""
    pairs = tuple((value, name) for value, name in given)
    if not all(isinstance(value, bytes) and isinstance(name, str | None) for value, name in pairs):
        raise DamagedError("its secrets are none")
    return pairs
