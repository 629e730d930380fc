# vlmrun-exporter as a container: one hash-locked virtual environment on a slim Python, run by a user without rights.
#
#   docker build --build-arg VERSION=$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/version.py) \
#                --build-arg REVISION=$(git rev-parse HEAD) -t vlmrun-exporter .
#
# docker, BuildKit and buildah build it alike. tests/tools/build-image does so without an engine and without a registry.

# A tag moves. A release replaces it with `python:3.13-slim-trixie@sha256:…`, by this argument, after having looked the digest
# up; the SBOM and the attestation of the release name it.
ARG BASE=docker.io/library/python:3.13-slim-trixie

FROM ${BASE} AS build
# Files of the wheel carry this time, whenever they are built.
ARG SOURCE_DATE_EPOCH=315532800
WORKDIR /build
COPY requirements.txt requirements-build.txt ./
# Two environments: pip and the build tools stay in `tools`, and never were in the one that is shipped. What is in both is
# downloaded once: this stage is thrown away, and its cache with it.
# hadolint ignore=DL3042
RUN python3 -m venv tools \
    && tools/bin/pip install --no-compile --require-hashes --only-binary=:all: --requirement=requirements-build.txt \
    && python3 -m venv --without-pip /opt/vlmrun-exporter \
    && tools/bin/pip --python=/opt/vlmrun-exporter/bin/python install \
        --no-compile --require-hashes --only-binary=:all: --requirement=requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY rules rules
COPY exporter exporter
# By name and version: a VERSION that is not the tree's ends the build. Bytecode is written now, as nothing can be later, and
# without a look at its source (unchecked-hash), so that it does not depend on when files were written.
ARG VERSION=
# hadolint ignore=DL3042
RUN tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir=wheels . \
    && tools/bin/pip --python=/opt/vlmrun-exporter/bin/python install \
        --no-compile --no-deps --no-index --find-links=wheels "vlmrun-exporter${VERSION:+==${VERSION}}" \
    && python3 -m compileall -q --invalidation-mode=unchecked-hash /opt/vlmrun-exporter/lib

FROM ${BASE}
# Everything that has to be done as root, before any of our files is there, so that it is done once for many versions:
# - the standard library's bytecode, which the base leaves out: a start would compile it anew each time;
# - no pip, no program that changes its user (setuid, setgid);
# - /data belongs to the user below. A new volume takes over owner and mode.
RUN stdlib="$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')" \
    && rm -rf "${stdlib}/ensurepip" "${stdlib}"/site-packages/pip "${stdlib}"/site-packages/pip-*.dist-info /usr/local/bin/pip* \
    && python3 -m compileall -q --invalidation-mode=unchecked-hash -x '/(idlelib|test|tkinter|turtledemo)/' "${stdlib}" \
    && find / -xdev -type f -perm /6000 -exec chmod ug-s '{}' + \
    && install --directory --owner=65532 --group=65532 --mode=0750 /data
COPY --from=build /opt/vlmrun-exporter /opt/vlmrun-exporter

# /data is the one place that is written to: the ledger's default, ./data/ledger.db, is in it because the program is started
# in /. Temporary files (only `demo` makes some) go there, too, so that the root file system can be read-only.
WORKDIR /
VOLUME ["/data"]
ENV PATH=/opt/vlmrun-exporter/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/data

# A number, so that Kubernetes can check runAsNonRoot; this one because it is what "nonroot" is elsewhere (distroless), and
# no distribution gives it to anybody.
USER 65532:65532
EXPOSE 9877
STOPSIGNAL SIGTERM
# The exec form throughout: no shell in between, so signals reach the program, which is process 1.
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 CMD ["vlmrun-exporter", "healthcheck"]
ENTRYPOINT ["vlmrun-exporter"]

# Last, for they change with every commit. A release adds org.opencontainers.image.source, .url and .created.
ARG VERSION=
ARG REVISION=
ENV VLMRUN_EXPORTER_REVISION=${REVISION}
LABEL org.opencontainers.image.title="vlmrun-exporter" \
      org.opencontainers.image.description="Prometheus exporter for VLM Run: completions, tokens, credits and latency" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
