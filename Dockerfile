# Three images of one project, by target. Each has the jobs in /opt/sunledger, their packages in /opt/venv, and no root.
#
#   dataproc   the jobs, for Dataproc Serverless, which mounts a Spark and a Java of its own
#   emr        the jobs, for EMR Serverless, which takes only images made from its own base
#   airflow    the DAGs, the jobs, Spark and Java: all of docker-compose.yaml but PostgreSQL (the last, so the default)
#
# Packages come from requirements.txt, by hash. What changes least comes first.

ARG EMR_RELEASE=emr-7.9.0


FROM python:3.12-slim-bookworm AS uv

COPY requirements.txt .
# The lock's own entry of uv.
RUN sed -n '/^uv==/,/# via/p' requirements.txt > uv.txt \
    && pip install --no-cache-dir --disable-pip-version-check --require-hashes --target /uv --requirement uv.txt


# What Google asks of an image: user and group spark are 1099 and have a home, ps and tini are there.
FROM python:3.12-slim-bookworm AS system

RUN groupadd --gid 1099 spark && useradd --uid 1099 --gid 1099 --create-home spark \
    && apt-get update && apt-get install --yes --no-install-recommends procps tini && rm -rf /var/lib/apt/lists/*
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYSPARK_PYTHON=/opt/venv/bin/python PYTHONPATH=/opt/sunledger
WORKDIR /opt/sunledger
ENTRYPOINT ["tini", "--"]
CMD ["python", "-m", "jobs", "--help"]


FROM system AS dataproc

COPY requirements.txt requirements-jobs.in ./
RUN --mount=type=bind,from=uv,source=/uv,target=/uv --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /opt/venv && /uv/bin/uv pip install --link-mode copy --compile-bytecode \
    --require-hashes --constraint requirements.txt --requirement requirements-jobs.in
COPY jobs jobs
RUN python -m compileall -q jobs
USER spark


# What Amazon asks of an image: its user, folder, entry point, Spark and Java stay the base's. The base's own Python is
# older than the jobs, so they have one beside it.
FROM public.ecr.aws/emr-serverless/spark/${EMR_RELEASE}:latest AS emr

USER root
RUN dnf install --assumeyes python3.11 && dnf clean all
ENV PATH=/opt/venv/bin:$PATH VIRTUAL_ENV=/opt/venv PYSPARK_PYTHON=/opt/venv/bin/python PYTHONPATH=/opt/sunledger
WORKDIR /opt/sunledger
COPY requirements.txt requirements-jobs.in ./
RUN --mount=type=bind,from=uv,source=/uv,target=/uv --mount=type=cache,target=/root/.cache/uv \
    python3.11 -m venv --without-pip /opt/venv && /uv/bin/uv pip install --link-mode copy --compile-bytecode \
    --require-hashes --constraint requirements.txt --requirement requirements-jobs.in
COPY jobs jobs
RUN python -m compileall -q jobs
USER hadoop:hadoop
WORKDIR /home/hadoop


FROM system AS airflow

RUN apt-get update && apt-get install --yes --no-install-recommends openjdk-17-jre-headless && rm -rf /var/lib/apt/lists/*
COPY requirements.txt requirements-jobs.in requirements-airflow.in ./
RUN --mount=type=bind,from=uv,source=/uv,target=/uv --mount=type=cache,target=/root/.cache/uv \
    python -m venv --without-pip /opt/venv && /uv/bin/uv pip install --link-mode copy --compile-bytecode \
    --require-hashes --constraint requirements.txt --requirement requirements-airflow.in
ENV AIRFLOW_HOME=/opt/airflow AIRFLOW__CORE__DAGS_FOLDER=/opt/sunledger/dags AIRFLOW__CORE__LOAD_EXAMPLES=False \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/sunledger/plugins
# A named volume takes its owner from the folder that it is mounted on.
RUN mkdir -p /data /secrets /opt/airflow/logs && chown -R spark:spark /data /secrets /opt/airflow
COPY fixtures fixtures
COPY jobs jobs
COPY dags dags
COPY plugins plugins
RUN python -m compileall -q fixtures jobs dags plugins
USER spark
