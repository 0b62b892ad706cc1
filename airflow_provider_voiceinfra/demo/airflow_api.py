"""Requests to the API server of a local Airflow, and waiting for an answer to become what is wanted."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

T = TypeVar("T")

_POLL = 0.1
_TIMEOUT = 60


class AirflowError(RuntimeError):
    """Airflow did not do what it was asked; the message says what was seen."""


class Api:
    """The API server. What has failed is asked for again, so it has to be harmless twice.

    :param url: of the server, which asks for no token (``[core] simple_auth_manager_all_admins``)
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False
        # SQLite is locked now and then: that is answered with 500, and nothing of the request was done.
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

        :param path: below the server's URL
        :param options: as of :func:`requests.request`
        :raises requests.RequestException: there is no answer, or it is an error, whose text the message gives
        """
        answer = self._http.request(method, f"{self.url}/{path}", timeout=_TIMEOUT, **options)
        if not answer.ok:
            problem = f"{method} {answer.url}: {answer.status_code} {answer.text}"
            raise requests.HTTPError(problem, response=answer)
        content: dict[str, Any] = answer.json()
        return content

    def find(self, path: str, **options: Any) -> dict[str, Any] | None:
        """Return the JSON of what may not be there."""
        try:
            return self.call("GET", path, **options)
        except requests.HTTPError as error:
            if error.response.status_code == requests.codes.not_found:
                return None
            raise


def wait_for(look: Callable[[], T | None], timeout: float, problem: Callable[[], str]) -> T:
    """Look again and again until something is found.

    :param timeout: seconds
    :param problem: says what is the matter when the time is up
    """
    deadline = time.monotonic() + timeout
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise AirflowError(f"After {timeout:g} s: {problem()}")
        time.sleep(_POLL)
    return found
