"""A folder on a server that speaks SFTP, by libcurl (pycurl). The server's key must be known: nothing is sent to another.

libcurl asks no fsync of the server: that a file survives its power cut is the server's business. SFTP's rename does not
replace a file (draft-ietf-secsh-filexfer-02, 6.5), so what has the name already is taken away first.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pycurl

from app.channels.letters.drops import PART, DropError

_CREDENTIAL = {pycurl.E_LOGIN_DENIED, pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSH}
_NEVER_CONNECTED = {pycurl.E_COULDNT_CONNECT, pycurl.E_COULDNT_RESOLVE_HOST, pycurl.E_UNSUPPORTED_PROTOCOL}


class SftpDrop:
    """One folder of one server. One connection, kept, used by one thread at a time."""

    def __init__(self, entry: Mapping[str, Any]) -> None:
        """`entry`: `url` sftp://user@host:port/folder; `private_key` (a file) with `passphrase`, or `password`;
        `known_hosts` (a file) or `host_key_sha256` (base64); `total_seconds`. Raises KeyError, ValueError.
        """
        parts = urlsplit(str(entry["url"]))
        if parts.scheme != "sftp" or not parts.hostname or not parts.username or parts.password:
            raise ValueError("A print room's URL must be sftp://user@host/folder, without a password in it.")
        if not entry.get("known_hosts") and not entry.get("host_key_sha256"):
            raise KeyError("known_hosts or host_key_sha256")
        if not entry.get("private_key") and not entry.get("password"):
            raise KeyError("private_key or password")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        self._base = f"sftp://{host}:{parts.port or 22}"
        self._user = unquote(parts.username)
        self._folder = unquote(parts.path).rstrip("/") + "/"
        self._entry = entry
        self._curl: Any = None
        self._lock = Lock()

    def names(self) -> set[str]:
        """List the folder."""
        listed = io.BytesIO()

        def ask(curl: Any) -> None:
            self._at(curl, "")
            curl.setopt(curl.DIRLISTONLY, 1)
            curl.setopt(curl.WRITEDATA, listed)

        self._perform(ask)
        names = listed.getvalue().decode("utf-8", "replace").splitlines()
        return {name for name in names if name not in (".", "..")}

    def put(self, name: str, content: bytes) -> None:
        """Upload under another name, then rename: in two steps, so that it is known in which one it broke."""

        def upload(curl: Any) -> None:
            self._at(curl, name + PART)
            curl.setopt(curl.UPLOAD, 1)
            curl.setopt(curl.READDATA, io.BytesIO(content))
            curl.setopt(curl.INFILESIZE, len(content))

        self._perform(upload)
        path = self._path(name)
        self._quote([f'*rm "{path}"', f'rename "{path}{PART}" "{path}"'], is_ambiguous=True)

    def read(self, name: str) -> bytes:
        """Download a file."""
        content = io.BytesIO()

        def ask(curl: Any) -> None:
            self._at(curl, name)
            curl.setopt(curl.WRITEDATA, content)

        self._perform(ask)
        return content.getvalue()

    def remove(self, names: Sequence[str]) -> None:
        """Take files away."""
        self._quote([f'*rm "{self._path(name)}"' for name in names])

    def move(self, name: str, new_name: str) -> None:
        """Rename a file; its new folder is made when it is not there."""
        new = self._path(new_name)
        folder = new.rpartition("/")[0]
        self._quote([f'*mkdir "{folder}"', f'*rm "{new}"', f'rename "{self._path(name)}" "{new}"'])

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._drop()

    def _path(self, name: str) -> str:
        if '"' in name or "\\" in name or "\n" in name:
            raise DropError("bad_name", "name")
        return self._folder + name

    def _at(self, curl: Any, name: str) -> None:
        curl.setopt(curl.URL, self._base + quote(self._folder + name))

    def _quote(self, commands: Sequence[str], *, is_ambiguous: bool = False) -> None:
        def ask(curl: Any) -> None:
            self._at(curl, "")
            curl.setopt(curl.NOBODY, 1)
            curl.setopt(curl.QUOTE, list(commands))

        self._perform(ask, is_ambiguous=is_ambiguous)

    def _perform(self, prepare: Callable[[Any], object], *, is_ambiguous: bool = False) -> None:
        with self._lock:
            curl = self._curl = self._curl or pycurl.Curl()
            curl.reset()
            self._set(curl)
            prepare(curl)
            try:
                curl.perform()
            except pycurl.error as error:
                number = int(error.args[0])
                self._drop()
                if number in _CREDENTIAL:
                    raise DropError("credential_refused", f"CURL_{number}") from None
                if number in _NEVER_CONNECTED:
                    raise DropError("connect_failed", f"CURL_{number}") from None
                # libcurl has one number for a rename that was refused and for a connection that broke in it.
                raise DropError("unavailable", f"CURL_{number}", is_ambiguous=is_ambiguous) from None

    def _set(self, curl: Any) -> None:
        entry = self._entry
        seconds = float(entry.get("total_seconds", 60.0))
        curl.setopt(curl.NOSIGNAL, 1)
        curl.setopt(curl.PROXY, "")
        curl.setopt(curl.CONNECTTIMEOUT_MS, int(min(10.0, seconds) * 1000))
        curl.setopt(curl.TIMEOUT_MS, int(seconds * 1000))
        curl.setopt(curl.WRITEDATA, io.BytesIO())
        curl.setopt(curl.USERNAME, self._user)
        if entry.get("known_hosts"):
            curl.setopt(curl.SSH_KNOWNHOSTS, str(entry["known_hosts"]))
        if entry.get("host_key_sha256"):
            curl.setopt(curl.SSH_HOST_PUBLIC_KEY_SHA256, str(entry["host_key_sha256"]))
        if entry.get("private_key"):
            curl.setopt(curl.SSH_AUTH_TYPES, curl.SSH_AUTH_PUBLICKEY)
            curl.setopt(curl.SSH_PRIVATE_KEYFILE, str(entry["private_key"]))
            if entry.get("passphrase"):
                curl.setopt(curl.KEYPASSWD, str(entry["passphrase"]))
        else:
            curl.setopt(curl.SSH_AUTH_TYPES, curl.SSH_AUTH_PASSWORD)
            curl.setopt(curl.PASSWORD, str(entry["password"]))

    def _drop(self) -> None:
        if self._curl is not None:
            self._curl.close()
            self._curl = None
