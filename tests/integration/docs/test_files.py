"""SQL, settings, JSON, and the files for nginx and Kubernetes, each tried by what reads it."""

from __future__ import annotations

import configparser
import json
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing

import kubernetes_validate
import psycopg
import pytest
import yaml

from airflow_provider_voiceinfra import __version__
from airflow_provider_voiceinfra.cli.parser import make_parser
from airflow_provider_voiceinfra.get_provider_info import get_provider_info
from airflow_provider_voiceinfra.webhook.settings import parse_settings
from tests.conftest import new_database
from tests.integration.docs.conftest import WAREHOUSE
from tests.integration.docs.snippets import ALL, ROOT, Snippet

OPTIONS = get_provider_info()["config"]["voiceinfra"]["options"]
NGINX = ROOT / "docs" / "receiver" / "nginx.conf"
KUBERNETES = list(yaml.safe_load_all((ROOT / "docs" / "receiver" / "kubernetes.yaml").read_text()))


def of(language: str) -> Callable:
    snippets = [snippet for snippet in ALL if snippet.language == language]
    return pytest.mark.parametrize("snippet", snippets, ids=str)


@of("sql")
def test_sql(snippet: Snippet, postgres_url):
    if snippet.code.startswith("-- PostgreSQL"):
        with new_database(postgres_url) as url, psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as there:
            for statement in filter(str.strip, snippet.code.split(";")):
                there.execute(statement)
            there.execute("DROP DATABASE IF EXISTS voiceinfra")
            there.execute("DROP ROLE IF EXISTS voiceinfra")
    else:
        with closing(sqlite3.connect(":memory:")) as warehouse:
            warehouse.executescript(WAREHOUSE)
            warehouse.execute(snippet.code)


@of("ini")
def test_settings(snippet: Snippet, tmp_path):
    file = configparser.ConfigParser(interpolation=None)
    file.read_string(snippet.code)
    assert file.sections() == ["voiceinfra"]
    assert file["voiceinfra"].keys() <= OPTIONS.keys()
    parse_settings(
        lambda name: file["voiceinfra"].get(name, OPTIONS[name]["default"]).replace("{AIRFLOW_HOME}", str(tmp_path))
    )


@of("json")
def test_json(snippet: Snippet):
    assert json.loads(snippet.code)


@of("yaml")
def test_values_of_airflows_chart(snippet: Snippet):
    """They are objects of no kind: what the chart makes of them is the chart's."""
    for secret in yaml.safe_load(snippet.code)["secret"]:
        assert secret.keys() == {"envName", "secretName", "secretKey"}


@pytest.mark.parametrize("resource", KUBERNETES, ids=lambda each: f"{each['kind']} {each['metadata']['name']}")
def test_kubernetes_takes_it(resource):
    kubernetes_validate.validate(resource, kubernetes_validate.latest_version(), strict=True)


def test_kubernetes_runs_commands_that_there_are():
    pods = [each["spec"]["template"]["spec"] for each in KUBERNETES if "template" in each.get("spec", {})]
    commands = [container["args"] for pod in pods for container in pod["containers"]]
    assert len(commands) == 2
    for command in commands:
        make_parser().parse_args(command[3 if command[0] == "python" else 2 :])


def test_the_receivers_image_is_of_this_version():
    dockerfile = (ROOT / "docs" / "receiver" / "Dockerfile").read_text()
    assert f" airflow-provider-voiceinfra=={__version__} " in dockerfile
    [pods] = [each for each in KUBERNETES if each["kind"] == "StatefulSet"]
    [container] = pods["spec"]["template"]["spec"]["containers"]
    assert container["image"].endswith(f":{__version__}")


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed here")
def test_nginx_takes_it(tmp_path):
    names = ["-subj", "/CN=webhooks.example.com", "-keyout", "tls.key", "-out", "tls.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *names], cwd=tmp_path, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        # nginx -t opens what it is to listen on.
        listen = f"listen 127.0.0.1:{free.getsockname()[1]} ssl"
    site = NGINX.read_text().replace("listen 443 ssl", listen)
    for ending in ("pem", "key"):
        site = site.replace(f"/etc/nginx/tls/webhooks.example.com.{ending}", str(tmp_path / f"tls.{ending}"))
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid; events {{}} http {{ include {tmp_path}/site.conf; }}")
    tried = subprocess.run(
        ["nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert tried.returncode == 0, tried.stderr
