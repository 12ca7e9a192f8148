"""No secret leaves: by value, by pattern, in texts, bytes and objects."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from conformance.evidence.redaction import MASK, Redactor, kubeconfig_secrets

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow/ABC+\nDEF==\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"key:\n{PEM}\nend", "MIIEow"),
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("authorization: basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA"),
        (f"token is {JWT}.", JWT),
        ("password: hunter22", "hunter22"),
        ('{"password": "hunter22", "user": "me"}', "hunter22"),
        ("chpasswd root_password=hunter22", "hunter22"),
        ("login with --token=hunter22", "hunter22"),
        ("API-KEY = 'hunter22'", "hunter22"),
        ("client-key-data: TUlJRW93SUJBQUtDQVFFQQ==", "TUlJRW93"),
        ("userDataBase64: I2Nsb3VkLWNvbmZpZw==", "I2Nsb3Vk"),
        ("https://me:hunter22@example.com/x", "hunter22"),
        ("root:$6$saltsalt$abcdefghijklmnopqrstuvwx:1", "abcdefghijkl"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    clean = Redactor().text(text)
    assert secret not in clean
    assert "[redacted" in clean


@pytest.mark.parametrize(
    "text",
    [
        "Password: \nlast login: today",
        "secretName: registry",
        "the session's token bucket",
        "kind: Secret",
        "10.0.0.1 -> 10.0.0.2: 0 bytes in 3.0 s",
        "password: |\n  more below",
        "fedora login: fedora",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    redactor = Redactor()
    redactor.register("fedora", "ab")
    assert redactor.text(text) == text


def test_a_known_secret_is_taken_out_however_it_stands() -> None:
    redactor = Redactor()
    redactor.register('p"ss wörd!')
    encoded = base64.b64encode('p"ss wörd!'.encode()).decode()
    text = f'plain p"ss wörd! json p\\"ss w\\u00f6rd! url p%22ss%20w%C3%B6rd%21 base64 {encoded}'
    clean = redactor.text(text)
    assert clean == f"plain {MASK} json {MASK} url {MASK} base64 {MASK}" + "=" * encoded.count("=")


def test_bytes_that_are_no_text_lose_known_secrets() -> None:
    redactor = Redactor()
    redactor.register("hunter22")
    assert redactor.data(b"\xff\xfe hunter22 \x00") == b"\xff\xfe [redacted] \x00"


def test_objects_lose_secrets_and_nothing_else() -> None:
    redactor = Redactor()
    secret = {"kind": "Secret", "metadata": {"name": "a"}, "data": {"key": "QUJD"}, "stringData": {"b": "plain"}}
    machine = {"kind": "VirtualMachine", "spec": [{"userData": "#cloud-config\npassword: hunter22\nuser: me"}, 3, None]}
    assert redactor.object(secret) == {
        "kind": "Secret",
        "metadata": {"name": "a"},
        "data": {"key": MASK},
        "stringData": {"b": MASK},
    }
    clean = redactor.object(machine)
    assert clean["spec"] == [{"userData": "#cloud-config\npassword: [redacted]\nuser: me"}, 3, None]
    assert "hunter22" in str(machine)


@given(st.text(min_size=6, max_size=30).filter(lambda secret: secret not in MASK), st.text(), st.text())
def test_a_registered_secret_never_survives(secret: str, before: str, after: str) -> None:
    redactor = Redactor()
    redactor.register(secret)
    clean = redactor.text(f"{before}{secret}{after}")
    assert secret not in clean.replace(MASK, "\n") or secret in (before, after)


def test_a_kubeconfig_gives_its_credentials(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(yaml.safe_dump({"users": [{"user": {"token": "t0ken", "client-key-data": "S2V5"}}, {"user": {}}]}))
    assert kubeconfig_secrets(file) == ["t0ken", "S2V5"]
    file.write_text("just words")
    assert kubeconfig_secrets(file) == []
    assert kubeconfig_secrets(tmp_path / "nowhere") == []


def test_passwords_of_cloud_init_and_copies_of_objects_are_hidden() -> None:
    data = (
        "#cloud-config\nchpasswd:\n  list: |\n    root:hunter22\n    - me:$1x\n  expire: False\nruncmd:\n- [sh, id]\n"
    )
    applied = {"kubectl.kubernetes.io/last-applied-configuration": '{"kind":"Secret","data":{"a":"aHVudGVyMjI="}}'}
    clean = Redactor().object({"userData": data, "metadata": {"annotations": applied}})
    expected = data.replace("root:hunter22", "root:[redacted]").replace("me:$1x", "me:[redacted]")
    assert clean["userData"] == expected
    assert "aHVudGVyMjI" not in str(clean)
