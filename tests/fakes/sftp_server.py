"""An SFTP server of tests, by paramiko: a real one on loopback, that can be told to break off when a file is renamed."""

import base64
import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import paramiko

USER, PASSWORD = "duecourse", "a password of tests"


@dataclass
class SftpServer:
    """`root`: what its clients see as /. `before_rename`, `after_rename`: break the connection there, so many times."""

    root: Path
    port: int
    host_key_sha256: str
    before_rename: int = 0
    after_rename: int = 0
    slow_seconds: float = 0.0
    is_full: bool = False
    transports: list[paramiko.Transport] = field(default_factory=list)


class _Door(paramiko.ServerInterface):
    def __init__(self, transport: paramiko.Transport) -> None:
        self.transport = transport

    def cut(self) -> None:
        self.transport.sock.shutdown(socket.SHUT_RDWR)

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL if (username, password) == (USER, PASSWORD) else paramiko.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def get_allowed_auths(self, username: str) -> str:
        return "password"


class _Files(paramiko.SFTPServerInterface):
    def __init__(self, server: _Door, state: SftpServer) -> None:
        super().__init__(server)
        self.door, self.state = server, state

    def _real(self, path: str) -> str:
        return str(self.state.root) + self.canonicalize(path)

    def list_folder(self, path: str) -> object:
        found = []
        for name in sorted(os.listdir(self._real(path))):
            attributes = paramiko.SFTPAttributes.from_stat(os.stat(os.path.join(self._real(path), name)))
            attributes.filename = name
            found.append(attributes)
        return found

    def stat(self, path: str) -> object:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(self._real(path)))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def open(self, path: str, flags: int, attr: object) -> object:
        if self.state.is_full and flags & (os.O_WRONLY | os.O_RDWR):
            return paramiko.SFTP_FAILURE
        time.sleep(self.state.slow_seconds)
        try:
            mode = "wb+" if flags & os.O_CREAT else "rb"
            file = open(self._real(path), mode)
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        handle = paramiko.SFTPHandle(flags)
        handle.readfile = handle.writefile = file  # type: ignore[attr-defined]
        return handle

    def remove(self, path: str) -> int:
        try:
            os.remove(self._real(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)
        return paramiko.SFTP_OK

    def rename(self, oldpath: str, newpath: str) -> int:
        if newpath.endswith(".json") and self.state.before_rename:
            self.state.before_rename -= 1
            self.door.cut()
            return paramiko.SFTP_FAILURE
        if os.path.exists(self._real(newpath)):
            return paramiko.SFTP_FAILURE
        os.rename(self._real(oldpath), self._real(newpath))
        if newpath.endswith(".json") and self.state.after_rename:
            self.state.after_rename -= 1
            self.door.cut()
        return paramiko.SFTP_OK

    posix_rename = rename

    def mkdir(self, path: str, attr: object) -> int:
        os.makedirs(self._real(path), exist_ok=True)
        return paramiko.SFTP_OK


@contextmanager
def running_sftp(root: Path) -> Iterator[SftpServer]:
    """Serve a folder until the block ends."""
    key = paramiko.RSAKey.generate(2048)
    listener = socket.create_server(("127.0.0.1", 0))
    sha256 = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
    state = SftpServer(root, listener.getsockname()[1], sha256)

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, _Files, state)
            state.transports.append(transport)
            try:
                transport.start_server(server=_Door(transport))
            except (paramiko.SSHException, EOFError, OSError):
                transport.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        listener.close()
        for transport in state.transports:
            transport.close()
