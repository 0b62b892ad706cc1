"""Requests to the API server of a local Airflow, and polling."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

T = TypeVar("T")

_POLL = 0.25
_TIMEOUT = 60


class AirflowError(RuntimeError):
    """Airflow did not do what was requested; the message describes what happened."""


class Api:
    """A client of the API server. Failed requests are repeated, so they must be idempotent.

    :param url: URL of the server, which requires no token (``[core] simple_auth_manager_all_admins``)
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        # If SQLite is locked, Airflow answers with 500, without having changed anything.
        again = Retry(
            None,
            connect=0,
            read=2,
            status=5,
            status_forcelist=[500],
            allowed_methods=None,
            backoff_factor=0.2,
            raise_on_status=False,
        )
        self._http.mount("http://", HTTPAdapter(max_retries=again))

    def call(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """Return the answer's JSON.

        :raises requests.RequestException: if there is no response, or an error, whose body is in the message
        """
        answer = self._http.request(method, f"{self.url}/{path}", timeout=_TIMEOUT, **options)
        if not answer.ok:
            problem = f"{method} {answer.url}: {answer.status_code} {answer.text}"
            raise requests.HTTPError(problem, response=answer)
        content: dict[str, Any] = answer.json()
        return content

    def find(self, path: str, **options: Any) -> dict[str, Any] | None:
        """Return the response's JSON; None if it is 404."""
        try:
            return self.call("GET", path, **options)
        except requests.HTTPError as error:
            if error.response.status_code == requests.codes.not_found:
                return None
            raise


def wait_for(look: Callable[[], T | None], timeout: float, problem: Callable[[], str]) -> T:
    """Poll until a value is found.

    :param look: returns the value, or None to continue
    :param timeout: seconds
    :param problem: describes the problem at the timeout
    """
    deadline = time.monotonic() + timeout
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise AirflowError(f"After {timeout:g} s: {problem()}")
        time.sleep(_POLL)
    return found
