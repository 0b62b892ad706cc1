"""The environment variables of a small, fast Airflow that is isolated from others on the machine."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sysconfig
from pathlib import Path

HOST = "127.0.0.1"


def airflow_environment(home: Path, dags_folder: Path, port: int) -> dict[str, str]:
    """Return the environment variables of every process of an Airflow."""
    log_port, trigger_log_port = [each for each in free_ports(3) if each != port][:2]
    url = f"http://{HOST}:{port}"
    settings: dict[str, dict[str, object]] = {
        "core": {
            "dags_folder": dags_folder,
            "load_examples": False,
            "executor": "LocalExecutor",
            "parallelism": 8,
            "dags_are_paused_at_creation": False,
            "simple_auth_manager_all_admins": True,
            "execution_api_server_url": f"{url}/execution/",
            "min_serialized_dag_update_interval": 0,
        },
        "api": {"host": HOST, "port": port, "base_url": url, "workers": 1},
        "api_auth": {"jwt_secret": secrets.token_urlsafe(64)},
        "logging": {
            "colored_console_log": False,
            # Otherwise it logs every scan of the folder.
            "namespace_levels": "airflow.dag_processing.manager=WARNING",
            "worker_log_server_port": log_port,
            "trigger_log_server_port": trigger_log_port,
        },
        # The scheduler's sleep between two loops dominates the duration of a run.
        "scheduler": {"scheduler_idle_sleep_time": 0.2, "trigger_timeout_check_interval": 1},
        "dag_processor": {"refresh_interval": 2, "bundle_refresh_check_interval": 1},
        "workers": {
            # A busy machine may need more than the default 5 s to answer, and the start of a task cannot be retried.
            "execution_api_timeout": 30,
            # A worker may notice as late as this that its task's process has ended, and so that the task is deferred.
            "min_heartbeat_interval": 1,
        },
        # That second, and two more for the scheduler, which loops several times a second here.
        "voiceinfra": {"deferral_settle_time": 3},
    }
    return {
        **_of_the_caller(),
        "AIRFLOW_HOME": str(home),
        **{
            f"AIRFLOW__{section}__{name}".upper(): str(value)
            for section, options in settings.items()
            for name, value in options.items()
        },
    }


def free_ports(count: int) -> list[int]:
    """Return a number of different free ports."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [each.getsockname()[1] for each in sockets]


def is_free(port: int) -> bool:
    """Return whether a port is free."""
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def _of_the_caller() -> dict[str, str]:
    """Return the caller's environment without settings of Airflow, proxies and terminals."""
    inherited = {name: value for name, value in os.environ.items() if not name.lstrip("_").startswith("AIRFLOW")}
    inherited.pop("FORCE_COLOR", None)
    # `airflow standalone` starts its components as `airflow …`, which must be the one beside this Python.
    path = os.pathsep.join([sysconfig.get_path("scripts"), inherited.get("PATH", os.defpath)])
    return {
        **inherited,
        "PATH": path,
        "NO_COLOR": "1",
        "NO_PROXY": "*",
        "no_proxy": "*",
        "PYTHONUNBUFFERED": "1",
    }
