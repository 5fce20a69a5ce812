"""Container of a service whose image says what runs in it: its entrypoint and command, user and directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from runnerlib.errors import RunnerError
from runnerlib.executor.container.container import FROM_FILE, LAUNCHER, Container, ended, said_by
from runnerlib.executor.process_spec import CommandError

if TYPE_CHECKING:
    from runnerlib.executor.container.container import ContainedProcess
    from runnerlib.executor.process_spec import ProcessSpec

_MARK = b"runnerlib: "
_FORMAT = _MARK.decode() + "[{{json .Config.Entrypoint}},{{json .Config.Cmd}}]"
_WAIT = 10.0
# A file of the runner's could not be read by whatever user the image has.
_LAUNCHER = LAUNCHER.replace(FROM_FILE, '_rl_env=$(cat); eval "$_rl_env"; unset _rl_env')


class ProgramContainer(Container):
    """Container of one service; a command without words is the program of its image."""

    _program: tuple[str, ...] = ()

    async def start(self) -> None:
        """Start the container, and look up its program. Raises RunnerError with the engine's message."""
        await super().start()
        try:
            client = self._client(["image", "inspect", "--format", _FORMAT, self._spec.image])
        except CommandError as error:
            raise RunnerError(str(error)) from None
        try:
            said = await said_by(client)
            await ended(client, _WAIT)
        finally:
            client.close()
        self._program = _program(said)

    def start_step(self, spec: ProcessSpec) -> ContainedProcess:
        """Start a command, in the directory of the image. Raises as `Executor.start` does."""
        words = tuple(spec.argv) or self._program
        if not words:
            raise RunnerError(f"the image '{self._spec.image}' does not say what runs in it; 'run' is expected")
        text = self._assignments(spec.env).encode("utf-8", "surrogateescape")
        return self._enter(spec._replace(argv=words, stdin=text), ["-i"], _LAUNCHER, self._next_files())


def _program(said: bytes) -> tuple[str, ...]:
    """Return the words that an image runs; none if it does not say."""
    for line in said.splitlines():
        if line.startswith(_MARK):
            try:
                entrypoint, command = json.loads(line.removeprefix(_MARK))
                return *map(str, entrypoint or ()), *map(str, command or ())
            except (ValueError, TypeError):
                break
    return ()
