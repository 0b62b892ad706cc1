"""What tests of calls share: an account, certificates, and a clock that does not make them wait."""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from airflow_provider_voiceinfra.calls import recorder
from airflow_provider_voiceinfra.calls.stop import StopFlag


@pytest.fixture
def naps(monkeypatch) -> list[float]:
    """The pauses that dialling makes, none of which is waited for in full."""
    pauses: list[float] = []

    def nap(seconds: float) -> None:
        pauses.append(seconds)
        time.sleep(min(seconds, 0.02))

    monkeypatch.setattr(recorder, "time", SimpleNamespace(monotonic=time.monotonic, sleep=nap))
    monkeypatch.setattr(StopFlag, "sleep", lambda self, seconds: (nap(seconds), self.check()))
    return pauses


@pytest.fixture(scope="session")
def certificate(tmp_path_factory) -> str:
    """The path of a certificate of 127.0.0.1 and its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return str(path)


@pytest.fixture
def tls(certificate) -> ssl.SSLContext:
    """The server's side of TLS, whose certificate nobody trusts."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted_tls(tls, certificate, monkeypatch) -> ssl.SSLContext:
    """The server's side of TLS, whose certificate requests trusts."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificate)
    return tls
