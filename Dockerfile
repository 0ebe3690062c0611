# One image for the programs `runwire stream`, `alerting`, `server`: compose.yaml says which is which.
FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/runwire
COPY requirements.lock ./
RUN /opt/runwire/bin/pip install --no-cache-dir --require-hashes -r requirements.lock
COPY . .
RUN /opt/runwire/bin/python server/page/build.py \
    && /opt/runwire/bin/pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.13-slim
COPY --from=build /opt/runwire /opt/runwire
RUN useradd --create-home runwire && install -d -o runwire /home/runwire/home /home/runwire/home/files
USER runwire
ENV PATH=/opt/runwire/bin:$PATH RUNWIRE_HOME=/home/runwire/home
ENTRYPOINT ["runwire"]
