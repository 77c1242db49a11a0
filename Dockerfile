# A small image of the monitor. BASE is any Debian with python3 (3.11 or newer) and venv. The digest
# is that of the multi-platform index; CONTRIBUTING.md describes how to move it.
ARG BASE=docker.io/library/python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${BASE} AS build
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# Where packages come from is the builder's affair: a pip.conf may be lent to the build as
# the secret "pip.conf"; it does not end up in any layer.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv /tools \
    && /tools/bin/pip install --quiet --no-cache-dir --require-hashes --only-binary :all: \
        --requirement requirements-build.lock \
    && python3 -m venv --without-pip /opt/egress-monitor \
    && /tools/bin/pip --python /opt/egress-monitor/bin/python install --quiet --no-cache-dir \
        --no-compile --require-hashes --only-binary :all: --requirement requirements.lock
COPY pyproject.toml README.md LICENSE config.toml ./
COPY monitor monitor
# Bytecode is compiled once and never checked again: nothing is written when it runs. Without
# assertions and docstrings (level 2, as PYTHONOPTIMIZE below) it takes 2 MiB less of memory.
RUN /tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /tools/bin/pip --python /opt/egress-monitor/bin/python install --quiet --no-deps \
        --no-index --no-compile /wheels/*.whl \
    && find /opt/egress-monitor -type d -name tests -prune -exec rm -rf {} + \
    && find /opt/egress-monitor -name '*.py[ix]' -delete \
    && python3 -m compileall -q -o 2 --invalidation-mode unchecked-hash /opt/egress-monitor/lib

FROM ${BASE}
ARG VERSION=0.2.0
LABEL org.opencontainers.image.title="egress-monitor" \
      org.opencontainers.image.description="Reports which egress of an Ona runner's subnet broke, where, and why" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /opt/egress-monitor /opt/egress-monitor
COPY config.toml /etc/egress-monitor/config.toml
ENV PATH=/opt/egress-monitor/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONOPTIMIZE=2 \
    PYTHONUNBUFFERED=1
# Python's own library comes without bytecode of this level, in official images without any:
# every start, each health check's too, would compile it again.
RUN python3 -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(ensurepip|idlelib|lib2to3|site-packages|test|tkinter|turtledemo)/' \
        "$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')"
# A volume takes its owner from the directory that it is mounted over.
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/egress-monitor
VOLUME /var/lib/egress-monitor
USER 65532:65532
EXPOSE 9242
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["egress-monitor", "healthcheck"]
ENTRYPOINT ["egress-monitor"]
CMD ["run"]
