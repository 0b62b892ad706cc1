"""Downloads recordings, only from hosts that are allowed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager

import requests
from urllib3.exceptions import LocationParseError
from urllib3.util import Url, parse_url

from airflow_provider_voiceinfra.network import environment_settings, is_loopback

_CHUNK = 1 << 20
_TIMEOUTS = (10, 60)
_GONE = frozenset({403, 404, 410})


class RecordingRefusedError(Exception):
    """A recording is not downloaded. The message says why, without its URL, which may be a key to it."""


class RecordingGoneError(Exception):
    """There is no recording at its URL: not yet, or not any more."""


class RecordingError(Exception):
    """A download failed; a retry may succeed."""


class RecordingDownload:
    """Downloads recordings over https, or over http from this machine.

    :param allowed_hosts: such as ``recordings.voiceinfra.ai``; ``*.voiceinfra.ai`` allows all hosts of a domain.
    :param max_bytes: a larger recording is refused.
    """

    def __init__(self, allowed_hosts: Collection[str], max_bytes: int) -> None:
        self._allowed_hosts = frozenset(host.lower() for host in allowed_hosts)
        self._max_bytes = max_bytes

    @contextmanager
    def open(self, url: str) -> Iterator[Iterator[bytes]]:
        """Request a recording; yields its content in chunks.

        :raises RecordingRefusedError: if its host is not allowed, it is redirected, or it is too large.
        :raises RecordingGoneError: if there is none.
        :raises RecordingError: if the download fails.
        """
        target = self._checked(url)
        try:
            with requests.Session() as session:
                # No credentials of this machine, such as those of a .netrc.
                session.trust_env = False
                answer = session.get(
                    target.url,
                    stream=True,
                    allow_redirects=False,
                    timeout=_TIMEOUTS,
                    headers={"Accept-Encoding": "identity"},
                    **environment_settings(target.url),
                )
                with answer:
                    self._check_answer(answer, target)
                    yield self._chunks(answer)
        except requests.RequestException as error:
            raise RecordingError(f"{type(error).__name__} at {target.host}") from None

    def _checked(self, url: str) -> Url:
        try:
            # As requests itself reads it: other parsers see another host in some URLs.
            target = parse_url(str(requests.Request("GET", url).prepare().url))
        except (requests.RequestException, LocationParseError, ValueError):
            raise RecordingRefusedError("its URL is invalid") from None
        host = (target.host or "").strip("[]")
        if target.auth is not None or "\\" in url:
            raise RecordingRefusedError("its URL is invalid")
        if not self._is_allowed(host):
            raise RecordingRefusedError(f"its host {host!r} is not among the allowed_hosts")
        if target.scheme != "https" and not (target.scheme == "http" and is_loopback(host)):
            raise RecordingRefusedError(f"its URL at {host} is not https")
        return target

    def _is_allowed(self, host: str) -> bool:
        domains = (f"*.{host.split('.', count)[-1]}" for count in range(1, host.count(".") + 1))
        return not self._allowed_hosts.isdisjoint((host, *domains))

    def _check_answer(self, answer: requests.Response, target: Url) -> None:
        if answer.status_code in _GONE:
            raise RecordingGoneError
        if answer.is_redirect:
            raise RecordingRefusedError(f"{target.host} redirects it to another URL")
        if answer.status_code != requests.codes.ok:
            raise RecordingError(f"{target.host} answered {answer.status_code}")
        length = answer.headers.get("Content-Length", "")
        if length.isdigit() and int(length) > self._max_bytes:
            raise self._too_large()

    def _chunks(self, answer: requests.Response) -> Iterator[bytes]:
        size = 0
        for chunk in answer.iter_content(_CHUNK):
            size += len(chunk)
            if size > self._max_bytes:
                raise self._too_large()
            yield chunk

    def _too_large(self) -> RecordingRefusedError:
        return RecordingRefusedError(f"it is larger than max_bytes={self._max_bytes}")
