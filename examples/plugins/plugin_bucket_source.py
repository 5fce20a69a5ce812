"""A type of source: an archive in a bucket that is reached over HTTP, as object stores are.

    runnerlib run --plugin-dir examples/plugins \
        --source-type bucket --source-url bucket://releases/app-1.2.tar.gz --job-command 'make test'

BUCKET_ENDPOINT is the store, as `https://minio.example.org`; BUCKET_TOKEN is sent to it, if it is set.
"""

import os
import subprocess
import urllib.request

from runnerlib.plugins import Plugin, PluginContext

SCHEME = "bucket://"


class BucketSource(Plugin):
    """Adds the source type `bucket`."""

    def __init__(self) -> None:
        super().__init__("bucket")

    def pre_validation(self, context: PluginContext) -> None:
        endpoint = os.environ.get("BUCKET_ENDPOINT", "")
        token = os.environ.get("BUCKET_TOKEN", "")
        if token:
            context.register_secret(token)

        def fill(spec, directory, report):
            """Unpack the object into `directory`; its tag is the revision."""
            if not endpoint:
                raise ValueError("BUCKET_ENDPOINT is not set")
            if not (spec.url or "").startswith(SCHEME):
                raise ValueError(f"a URL of the form {SCHEME}NAME/OBJECT is expected")
            name = spec.url.removeprefix(SCHEME)
            request = urllib.request.Request(f"{endpoint.rstrip('/')}/{name}")
            if token:
                request.add_header("Authorization", f"Bearer {token}")
            report(f"fetching {name}")
            with urllib.request.urlopen(request, timeout=60) as answer:
                # tar refuses names that lead out of the directory; not every Python 3.11 does.
                subprocess.run(["tar", "-xz", "-C", directory], input=answer.read(), check=True)
                return answer.headers.get("ETag", "").strip('"') or None

        context.sources.register("bucket", fill)
