"""An output mode: the steps of a job as a stream of test results, for programs that read TAP.

    runnerlib run --plugin-dir examples/plugins --output tap --job-file ci.yaml | tappy

Source of the format: https://testanything.org/tap-version-13-specification.html
"""

from runnerlib.events import JobStarted, StepFinished, StepOutput
from runnerlib.plugins import Plugin, PluginContext, Streams


class Tap(Streams):
    """The output of steps as comments, their ends as results."""

    def __init__(self, streams: Streams, _look: object) -> None:
        super().__init__(streams.out, streams.err)
        self._count = 0
        self._rest: dict[str, bytes] = {}

    def observe(self, event) -> None:
        """Show one event; everything in it is masked."""
        match event:
            case JobStarted():
                self.out.write(b"TAP version 13\n1..%d\n" % len(event.steps))
            case StepOutput():
                *lines, self._rest[event.step] = (self._rest.get(event.step, b"") + event.data).split(b"\n")
                self.out.write(b"".join(b"# %s\n" % line for line in lines))
            case StepFinished(result):
                self._count += 1
                if rest := self._rest.pop(result.name, b""):
                    self.out.write(b"# %s\n" % rest)
                word = "not ok" if result.outcome == "failure" else "ok"
                skipped = " # SKIP" if result.outcome == "skipped" else ""
                self.out.write(f"{word} {self._count} {result.name}{skipped}\n".encode())

    def say(self, text: bytes) -> None:
        """Lines of the runner itself."""
        self.err.write(text)


class TapOutput(Plugin):
    """Adds the mode `tap`."""

    def __init__(self) -> None:
        super().__init__("tap")

    def pre_validation(self, context: PluginContext) -> None:
        context.add_output_mode("tap", Tap)
