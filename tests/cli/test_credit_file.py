"""A credit file on disk: its owner alone reads it, whatever lay at its place before."""

import os
import stat
from pathlib import Path

import pytest

from app.cli.credit import _private


def test_a_file_that_lay_there_is_closed_to_others_and_no_link_is_followed(tmp_path: Path) -> None:
    left, target, link = tmp_path / "a.part", tmp_path / "target", tmp_path / "b.part"
    left.write_bytes(b"old")
    left.chmod(0o644)
    target.write_bytes(b"somebody's own")
    link.symlink_to(target)

    with open(left, "wb", opener=_private) as sink:
        sink.write(b"new")
    with pytest.raises(OSError, match="symbolic link"), open(link, "wb", opener=_private):
        pass

    assert stat.S_IMODE(os.stat(left).st_mode) == 0o600
    assert target.read_bytes() == b"somebody's own"
