"""No dependency is known to be vulnerable: what pip-audit's service says of every version in constraints.txt."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ASK = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner=off", "--format=json"]
# As https://google.github.io/osv.dev/post-v1-query/ has it.
FLAW = {
    "id": "GHSA-h5c8-rqwp-cp95",
    "affected": [
        {
            "package": {"name": "jinja2", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "3.1.3"}]}],
        }
    ],
}


def flaws(requirements: Path, *service: str) -> list[str]:
    """Ask of each dependency.

    What was not answered makes pip-audit's own status no other than what was found harmless: here it is a skip.
    """
    asked = subprocess.run([*ASK, *service, "-r", requirements], check=False, capture_output=True, text=True)
    if not asked.stdout:
        pytest.skip(f"the service could not be asked: {asked.stderr.splitlines()[-1]}")
    told = json.loads(asked.stdout)["dependencies"]
    unanswered = [each["name"] for each in told if "skip_reason" in each]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version'}"
        for each in told
        for flaw in each.get("vulns", ())
    ]
    if unanswered and not found:
        pytest.skip(f"the service could not be asked about {len(unanswered)} of {len(told)} dependencies")
    return found


@pytest.fixture
def service():
    """A service like osv.dev's, which knows one flaw, and is out of order for what is called ``mute``."""

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            body = json.dumps({"vulns": [FLAW]} if (name, asked["version"]) == ("jinja2", "3.1.2") else {}).encode()
            self.send_response(503 if name == "mute" else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "--vulnerability-service=osv", f"--osv-url=http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


def test_no_dependency_is_known_to_be_vulnerable():
    found = flaws(ROOT / "constraints.txt")
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("requirements", "found"),
    [
        ("jinja2==3.1.3\n", []),
        ("jinja2==3.1.2\n", ["jinja2 3.1.2: GHSA-h5c8-rqwp-cp95, mended in 3.1.3"]),
    ],
)
def test_a_vulnerable_one_is_found_and_named(service, tmp_path, requirements, found):
    (tmp_path / "requirements.txt").write_text(requirements)
    assert flaws(tmp_path / "requirements.txt", *service) == found


def test_what_could_not_be_asked_is_not_taken_for_harmless(service, tmp_path):
    (tmp_path / "requirements.txt").write_text("mute==1.0\n")
    with pytest.raises(pytest.skip.Exception, match="could not be asked"):
        flaws(tmp_path / "requirements.txt", *service)
