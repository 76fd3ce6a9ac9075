# One image for every service and tool server; Kubernetes says which one a pod runs.
ARG PYTHON=python:3.11.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/aivis
WORKDIR /source
COPY requirements.lock ./
RUN /opt/aivis/bin/pip install --require-hashes -r requirements.lock
COPY . .
RUN /opt/aivis/bin/pip install --no-deps --no-build-isolation .

FROM ${PYTHON}
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin aivis \
    && install -d -o aivis -g aivis /var/lib/aivis
COPY --from=build /opt/aivis /opt/aivis
ENV PATH=/opt/aivis/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIVIS_DOMAIN=/opt/aivis/lib/python3.11/site-packages/domains/cloud
WORKDIR /var/lib/aivis
USER 10001:10001
EXPOSE 8080 9090
# No HEALTHCHECK: Kubernetes asks /health and /ready itself.
CMD ["aivis", "--help"]
