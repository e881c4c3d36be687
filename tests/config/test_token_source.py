import os
from pathlib import Path

import pytest

from exporter.config import ConfigError, TokenError, TokenSource
from exporter.config.token_source import secret_flaw


def test_a_token_that_was_given_stays() -> None:
    """Without a file there is nothing to follow."""
    source = TokenSource(token="abc")
    assert source.current() == "abc"
    assert source.known() == ("abc",)


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A rotated token is used at once; the former stays known for redaction."""
    path = tmp_path / "token"
    path.write_text("first\n")
    source = TokenSource(token_file=path)
    assert source.current() == "first"
    path.write_text("second-and-longer")
    assert source.current() == "second-and-longer"
    assert source.known() == ("first", "second-and-longer")


def test_a_change_of_time_alone_is_enough(tmp_path: Path) -> None:
    """A token of the same length, written in place, is noticed."""
    path = tmp_path / "token"
    path.write_text("first")
    source = TokenSource(token_file=path)
    assert source.current() == "first"
    path.write_text("other")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert source.current() == "other"


def test_a_file_behind_a_switched_link_is_followed(tmp_path: Path) -> None:
    """Kubernetes rotates by switching a link; the inode tells."""
    link = tmp_path / "token"
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, ns=(0, 0))
    link.symlink_to("one")
    source = TokenSource(token_file=link)
    assert source.current() == "one"
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(link)
    assert source.current() == "two"


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asking often is cheap."""
    path = tmp_path / "token"
    path.write_text("first")
    source = TokenSource(token_file=path)
    source.current()
    monkeypatch.setattr(Path, "open", None)
    assert source.current() == "first"


@pytest.mark.parametrize("content", ["", "\n", "two words", "two\nlines", "caf\u2028é", "ż"])
def test_a_file_that_turns_bad_is_refused_until_it_is_good_again(
    tmp_path: Path, content: str
) -> None:
    """A former token is not used once the file says otherwise."""
    path = tmp_path / "token"
    path.write_text("first")
    source = TokenSource(token_file=path)
    source.current()
    path.write_text(content, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(TokenError, match=r"gitlab\.token_file: .*the token") as caught:
            source.current()
        assert not content.strip() or content not in str(caught.value)
    path.write_text("good-again")
    assert source.current() == "good-again"


def test_a_file_that_goes_away_is_refused_by_its_name(tmp_path: Path) -> None:
    """The error is also a ConfigError."""
    path = tmp_path / "token"
    path.write_text("first")
    source = TokenSource(token_file=path)
    source.current()
    path.unlink()
    with pytest.raises(ConfigError, match=r"gitlab\.token_file: .*/token cannot be read: No such"):
        source.current()


def test_a_file_of_another_kind_is_refused_by_its_own_key(tmp_path: Path) -> None:
    """The same for the secret of the webhook, with what makes a secret."""
    path = tmp_path / "secret"
    path.write_text("a-secret-of-the-webhook")
    source = TokenSource(token_file=path, key="webhook.secret_file", flaw=secret_flaw)
    assert source.current() == "a-secret-of-the-webhook"
    for content in ("", "fifteen-letters", "sixteen or more, but with spaces"):
        path.write_text(content)
        with pytest.raises(TokenError) as caught:
            source.current()
        assert str(caught.value) == (
            f"webhook.secret_file: {path}: the secret must be 16 characters or more, without spaces"
        )
    path.unlink()
    with pytest.raises(TokenError, match=r"^webhook\.secret_file: .*/secret cannot be read: No"):
        source.current()


def test_exactly_one_way_is_taken(tmp_path: Path) -> None:
    """Neither or both is a mistake of the caller."""
    with pytest.raises(ValueError, match="either"):
        TokenSource()
    with pytest.raises(ValueError, match="either"):
        TokenSource(token="a", token_file=tmp_path)
