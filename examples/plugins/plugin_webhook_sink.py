"""A trigger sink: follow-up jobs are told to a webhook as well.

TRIGGER_WEBHOOK=https://hooks.example.org/ci runnerlib run --plugin-dir examples/plugins --job-file ci.yaml
"""

import os
import urllib.request

from runnerlib.plugins import Plugin, PluginContext


class Webhook:
    """Sends each message as it is, as JSON."""

    name = "webhook"

    def __init__(self, url: str) -> None:
        self.url = url

    def send(self, message) -> str:
        """POST the message; whatever goes wrong is raised, and told by the runner."""
        headers = {"Content-Type": "application/json"}
        text = message.encode()  # as JSON
        request = urllib.request.Request(self.url, text.encode(), headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return f"it answered {answer.status}"


class WebhookSink(Plugin):
    """Adds the sink when there is a webhook."""

    def __init__(self) -> None:
        super().__init__("webhook")

    def pre_execution(self, context: PluginContext) -> None:
        url = os.environ.get("TRIGGER_WEBHOOK")
        if url:
            context.add_trigger_sink(Webhook(url))
