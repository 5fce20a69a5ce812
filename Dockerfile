# A job image with runnerlib in it: docker build -t reactorcide/runner .
# docker/Makefile builds one for each language. BuildKit is needed, which is the default since Docker 23.
#
# BASE is any Debian-like image; where it has no Python, Debian's is installed, which has to be 3.11 or newer. BUILD_BASE
# is where the wheel is built: an image with the same Python and the same or an older libc.
ARG BASE=python:3.11-slim-bookworm
ARG BUILD_BASE=${BASE}

FROM ${BUILD_BASE} AS build
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates gcc libc6-dev \
    && if ! command -v python3 >/dev/null || [ -x /usr/bin/python3 ]; then \
         apt-get install -y --no-install-recommends python3 python3-dev python3-venv; \
       fi
COPY . /runnerlib
# Behind a proxy that ends TLS: --secret id=ca,src=ca.pem; an index of one's own: --build-arg PIP_INDEX_URL=https://...
ARG PIP_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_COMPILE=1 SOURCE_DATE_EPOCH=315532800
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca SSL_CERT_FILE=/run/secrets/ca; fi \
    && python3 -m venv /build \
    && /build/bin/pip wheel -q --wheel-dir /wheels /runnerlib \
    && python3 -m venv /opt/runnerlib \
    && /opt/runnerlib/bin/pip install -q --no-index --find-links /wheels runnerlib \
    && /build/bin/pip install -q cyclonedx-bom \
    && /build/bin/cyclonedx-py environment --output-reproducible -o /opt/runnerlib/runnerlib.cdx.json /opt/runnerlib \
    && /opt/runnerlib/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/runnerlib/lib

FROM ${BASE}
ARG BASE
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="runnerlib" \
      org.opencontainers.image.description="Runs CI/CD jobs, every secret masked" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.base.name="${BASE}"
RUN export DEBIAN_FRONTEND=noninteractive packages= \
    && if ! command -v python3 >/dev/null; then packages=python3; fi \
    && if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then packages="$packages ca-certificates"; fi \
    && if [ -n "$packages" ]; then apt-get update && apt-get install -y --no-install-recommends $packages; fi \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/ldconfig/aux-cache /var/log/*.log /var/log/apt \
    && useradd --uid 1001 --create-home --shell /bin/sh runner \
    && install -d -o runner -g runner /job /job/src /job/ci /job/artifacts
COPY --from=build /opt/runnerlib /opt/runnerlib
ENV PATH=/opt/runnerlib/bin:$PATH \
    HOME=/home/runner \
    REACTORCIDE_IN_CONTAINER=true
USER 1001:1001
WORKDIR /job
STOPSIGNAL SIGTERM
# No entry point: the worker names the whole command, as in `python -m runnerlib.cli run …`.
CMD ["runnerlib", "--help"]
