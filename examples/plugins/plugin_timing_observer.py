"""An observer: how long each step took, as a file of the job's artifacts.

runnerlib run --plugin-dir examples/plugins --job-file ci.yaml && cat job/artifacts/timings.json
"""

import json

from runnerlib.events import JobFinished, StepFinished
from runnerlib.plugins import Plugin, PluginContext, Watcher


class Timings(Watcher):
    """Collects the durations and writes them when the job has ended."""

    def __init__(self, path) -> None:
        self.path = path
        self.seconds: dict[str, float] = {}

    def observe(self, event) -> None:
        """Note the end of a step, and of the job."""
        match event:
            case StepFinished(result):
                self.seconds[result.name] = round(result.duration, 3)
            case JobFinished():
                slowest_first = dict(sorted(self.seconds.items(), key=lambda item: -item[1]))
                self.path.write_text(json.dumps(slowest_first, indent=2) + "\n")


class TimingObserver(Plugin):
    """Adds the observer once it is clear that the job begins."""

    def __init__(self) -> None:
        super().__init__("timings")

    def pre_execution(self, context: PluginContext) -> None:
        context.add_observer(Timings(context.job_path / "artifacts" / "timings.json"))
