# Two images, by default on Airbyte's base image for Python connectors; any other with Python 3.10 to 3.14 and its venv module
# also works. The connector as Airbyte runs it: `docker build .`; with `load` into warehouses: `docker build --target load .`
ARG BASE_IMAGE=docker.io/airbyte/python-connector-base:4.1.0@sha256:1d1aa21d34e851df4e8a87b391c27724c06e2597608e7161f4d167be853bd7b6


# The dependencies, from the lock file alone: rebuilt only when the lock file changes.
FROM ${BASE_IMAGE} AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /build/tools && python3 -m venv --without-pip /opt/source-iterable
COPY requirements/runtime.txt /build/runtime.txt
RUN /build/tools/bin/pip --python /opt/source-iterable/bin/python install --no-compile --require-hashes \
    --requirement /build/runtime.txt
# The tests shipped with numpy and pandas take 60 MB. Compiled files are not checked against their sources, because an image
# does not change.
RUN find /opt/source-iterable/lib -type d -name tests -prune -exec rm -rf {} + \
    && /opt/source-iterable/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/source-iterable/lib


# The connector, in a separate tree, so that a new version adds only a small layer on top of the dependencies.
FROM dependencies AS connector
COPY requirements/build.txt /build/build.txt
RUN /build/tools/bin/pip install --require-hashes --requirement /build/build.txt
COPY pyproject.toml README.md LICENSE /build/source/
COPY source_iterable /build/source/source_iterable
RUN /build/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheels /build/source \
    && /build/tools/bin/pip --python /opt/source-iterable/bin/python install --no-compile --no-deps --no-index \
       --no-warn-script-location --prefix /build/package /build/wheels/*.whl \
    && /opt/source-iterable/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash \
       -s /build/package -p /opt/source-iterable /build/package/lib


# What `load` needs besides.
FROM dependencies AS load-dependencies
COPY requirements/load.txt /build/load.txt
RUN /build/tools/bin/pip --python /opt/source-iterable/bin/python install --no-compile --require-hashes \
    --requirement /build/load.txt
RUN find /opt/source-iterable/lib -type d -name tests -prune -exec rm -rf {} + \
    && /opt/source-iterable/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/source-iterable/lib


FROM ${BASE_IMAGE} AS base
# Each stream is read in a thread of its own. With glibc's default number of arenas, each thread would keep its own freed
# memory.
ENV PATH="/opt/source-iterable/bin:${PATH}" \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2

# Numeric, because Kubernetes cannot verify that a named user is not root. In Airbyte's base image, 1000 is the user airbyte.
USER 1000
ENTRYPOINT ["/opt/source-iterable/bin/source-iterable"]


FROM base AS load
COPY --from=load-dependencies /opt/source-iterable /opt/source-iterable
COPY --from=connector /build/package /opt/source-iterable


# The last one is what a build without a target makes.
FROM base
COPY --from=dependencies /opt/source-iterable /opt/source-iterable
COPY --from=connector /build/package /opt/source-iterable

# Airbyte asks for it. Where it is set, `load` tells of the other image.
ENV AIRBYTE_ENTRYPOINT="/opt/source-iterable/bin/source-iterable"

# Last, so that a new version keeps all steps above cached. `make release` sets it.
ARG VERSION=0.1.0
LABEL io.airbyte.name="ghcr.io/OWNER/source-iterable" io.airbyte.version="${VERSION}"
