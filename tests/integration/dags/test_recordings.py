"""What ``RecordingsToObjectStorageOperator`` promises: each recording once, whole, and only from allowed hosts."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from http.server import BaseHTTPRequestHandler
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_provider_voiceinfra import config
from airflow_provider_voiceinfra.transfers import recordings_to_object_storage
from airflow_provider_voiceinfra.transfers.recordings_to_object_storage import RecordingsToObjectStorageOperator
from tests.serving import serving
from tests.support.race import PATIENCE
from tests.support.store_samples import deliver, queued

HALF, WHOLE = b"a" * 3_000_000, b"a" * 3_000_000 + b"b" * 1_000


class Server:
    """Serves recordings; ``halfway`` is set when half of one is sent, and the rest waits for ``go_on``."""

    def __init__(self):
        self.answers, self.requested = {}, []
        self.halfway, self.go_on = threading.Event(), threading.Event()

    def handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = self.path.partition("?")[0]
                server.requested.append(path)
                status, headers, content = server.answers.get(path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)
                if path == "/slow.mp3":
                    server.halfway.set()
                    server.go_on.wait(PATIENCE)
                    self.wfile.write(WHOLE[len(HALF) :])

        return Handler


@pytest.fixture
def server():
    server = Server()
    with serving(server.handler()) as url:
        server.url = url
        yield server
        server.go_on.set()


@pytest.fixture
def recorded(voiceinfra):
    """Let there be a call with this recording; gives its ref."""

    def record(url, **changes):
        call_id = f"call-{url}"
        ref = queued(voiceinfra.store, call_id, **changes).ref
        deliver(voiceinfra.store, call_id, recording_url=url)
        return ref

    return record


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "recordings" / "of calls"


@pytest.fixture
def copy(folder):
    def run(run_id="run", try_number=1, **fields):
        which = {} if "list_id" in fields else {"since": "2026-01-01"}
        fields = {"allowed_hosts": ["127.0.0.1"], **which, **fields}
        operator = RecordingsToObjectStorageOperator(task_id="copy", path=f"file://{folder}", **fields)
        ti = SimpleNamespace(dag_id="dag", run_id=run_id, task_id="copy", map_index=-1, try_number=try_number)
        return operator.execute({"ti": ti})

    return run


def files(folder):
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_each_recording_is_copied_once_and_named_after_its_call(server, recorded, copy, folder):
    server.answers = {"/one.mp3": (200, {}, b"one"), "/two": (200, {}, b"two")}
    one, two = recorded(f"{server.url}/one.mp3?sig=a.b"), recorded(f"{server.url}/two")
    recorded("")
    assert copy() == {"copied": 2, "already_copied": 0, "gone": 0}
    assert copy(run_id="another") == {"copied": 0, "already_copied": 2, "gone": 0}
    assert files(folder) == {f"{one}.mp3": b"one", two: b"two"}
    assert len(server.requested) == 2


def test_of_a_list_only_its_recordings_are_copied(voiceinfra, server, recorded, copy, folder):
    from airflow_provider_voiceinfra.store.models import Source

    list_id = voiceinfra.store.lists.open(Source("dag", "run", "run", "call"))
    server.answers = {"/one.mp3": (200, {}, b"one"), "/two.mp3": (200, {}, b"two")}
    ours = recorded(f"{server.url}/one.mp3", list_id=list_id)
    recorded(f"{server.url}/two.mp3")
    assert copy(list_id=list_id)["copied"] == 1
    assert list(files(folder)) == [f"{ours}.mp3"]
    with pytest.raises(AirflowFailException, match="list_id is missing"):
        copy(list_id="")


def test_a_task_that_is_killed_leaves_no_half_file_and_its_next_try_copies_the_whole(server, recorded, copy, folder):
    ref = recorded(f"{server.url}/slow.mp3")
    server.answers["/slow.mp3"] = (200, {"Content-Length": str(len(WHOLE))}, HALF)

    def run():
        config.call_store.cache_clear()
        copy()

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    assert server.halfway.wait(PATIENCE)
    process.kill()
    process.join(PATIENCE)
    assert f"{ref}.mp3" not in files(folder)
    server.go_on.set()
    assert copy(try_number=2)["copied"] == 1
    assert files(folder) == {f"{ref}.mp3": WHOLE}


def test_two_tries_at_once_do_not_write_into_one_file(server, recorded, copy, folder):
    ref = recorded(f"{server.url}/slow.mp3")
    server.answers["/slow.mp3"] = (200, {"Content-Length": str(len(WHOLE))}, HALF)

    def first_try():
        # The second one removes what the first one has left.
        with contextlib.suppress(FileNotFoundError):
            copy()

    first = threading.Thread(target=first_try)
    first.start()
    assert server.halfway.wait(PATIENCE)
    server.go_on.set()
    copy(try_number=2)
    first.join(PATIENCE)
    assert files(folder)[f"{ref}.mp3"] == WHOLE


def test_a_download_that_breaks_leaves_nothing_and_is_tried_again_after_all_others(server, recorded, copy, folder):
    server.answers["/short.mp3"] = (200, {"Content-Length": "99"}, b"short")
    server.answers["/error.mp3"] = (503, {}, b"")
    server.answers["/one.mp3"] = (200, {}, b"one")
    short, error = recorded(f"{server.url}/short.mp3"), recorded(f"{server.url}/error.mp3")
    one = recorded(f"{server.url}/one.mp3")
    with pytest.raises(AirflowException) as failed:
        copy()
    assert not isinstance(failed.value, AirflowFailException)
    assert all(ref in str(failed.value) for ref in (short, error))
    assert "answered 503" in str(failed.value)
    assert files(folder) == {f"{one}.mp3": b"one"}


@pytest.mark.parametrize("length", [{}, {"Content-Length": "11"}])
def test_a_recording_that_is_too_large_is_refused(server, recorded, copy, folder, length):
    server.answers["/large.mp3"] = (200, length, b"0123456789A")
    ref = recorded(f"{server.url}/large.mp3")
    with pytest.raises(AirflowFailException, match=f"{ref}, because it is larger than max_bytes=10"):
        copy(max_bytes=10)
    assert files(folder) == {}
    assert copy(max_bytes=11)["copied"] == 1


def test_a_redirect_is_not_followed(server, recorded, copy, folder):
    server.answers["/moved.mp3"] = (302, {"Location": f"{server.url.replace('127.0.0.1', 'localhost')}/x"}, b"")
    recorded(f"{server.url}/moved.mp3")
    with pytest.raises(AirflowFailException, match=r"127\.0\.0\.1 redirects it to another URL"):
        copy()
    assert server.requested == ["/moved.mp3"]
    assert files(folder) == {}


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://localhost:{port}/one.mp3?sig=secret", "'localhost' is not among"),
        ("http://127.0.0.1.example:{port}/one.mp3?sig=secret", "'127.0.0.1.example' is not among"),
        ("http://127.0.0.1@localhost:{port}/one.mp3", "invalid"),  # pragma: allowlist secret
        ("http://localhost:{port}\\@127.0.0.1/one.mp3", "invalid"),
        ("http://recordings.voiceinfra.ai/one.mp3?sig=secret", "is not https"),
        ("https://voiceinfra.ai/one.mp3", "'voiceinfra.ai' is not among"),
        ("https://evilvoiceinfra.ai/one.mp3", "'evilvoiceinfra.ai' is not among"),
        ("file:///etc/passwd", "invalid|not among"),
        ("https://[", "invalid"),
        ("one.mp3", "invalid"),
    ],
)
def test_nothing_is_requested_from_another_host_or_without_https(server, recorded, copy, url, why):
    ref = recorded(url.format(port=server.url.rpartition(":")[2]))
    with pytest.raises(AirflowFailException, match=why) as refused:
        copy(allowed_hosts=["127.0.0.1", "*.voiceinfra.ai"])
    assert ref in str(refused.value)
    assert "secret" not in str(refused.value)
    assert server.requested == []


def test_a_recording_that_is_not_there_yet_is_tried_again_and_one_of_an_old_call_is_gone(
    server, recorded, copy, monkeypatch
):
    recorded(f"{server.url}/late.mp3")
    with pytest.raises(AirflowException, match="it is not there yet"):
        copy()
    monkeypatch.setattr(recordings_to_object_storage, "_READY_AFTER", -recordings_to_object_storage._READY_AFTER)
    assert copy() == {"copied": 0, "already_copied": 0, "gone": 1}


def test_what_makes_no_sense_is_told_when_the_dag_is_parsed():
    for wrong in ({}, {"list_id": "vl_1", "since": "2026-01-01"}, {"since": "2026-01-01", "max_bytes": 0}):
        with pytest.raises(ValueError, match=r"either list_id or since|1 or more"):
            RecordingsToObjectStorageOperator(task_id="copy", path="s3://bucket", **wrong)
    with pytest.raises(TypeError, match="allowed_hosts"):
        RecordingsToObjectStorageOperator(task_id="copy", path="s3://b", since="2026-01-01", allowed_hosts="x")
