# A job image with runnerlib in it: docker build -t reactorcide/runner .
# BASE is any Debian-like image with Python 3.11 or newer and its venv module.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && if [ -x /usr/bin/python3 ]; then apt-get install -y --no-install-recommends python3-dev; fi \
    && rm -rf /var/lib/apt/lists/*
COPY . /runnerlib
RUN python3 -m venv /build \
    && /build/bin/pip wheel --no-cache-dir --wheel-dir /wheels /runnerlib \
    && python3 -m venv /opt/runnerlib \
    && /opt/runnerlib/bin/pip install --no-cache-dir --no-index --find-links /wheels runnerlib

FROM ${BASE}
COPY --from=build /opt/runnerlib /opt/runnerlib
RUN useradd --uid 1001 --create-home --shell /bin/sh runner \
    && install -d -o runner -g runner /job /job/src /job/ci /job/artifacts
ENV PATH=/opt/runnerlib/bin:$PATH \
    HOME=/home/runner \
    REACTORCIDE_IN_CONTAINER=true
USER 1001:1001
WORKDIR /job
# No entry point: the worker names the whole command, as in `python -m runnerlib.cli run …`.
CMD ["runnerlib", "--help"]
