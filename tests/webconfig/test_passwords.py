"""Users and passwords: who is right, what it costs, and that nobody waits for guesses of others."""

from threading import Event

import anyio
import bcrypt
import pytest
from anyio.to_thread import run_sync

from exporter.webconfig.passwords import WAITING, Passwords, Verdict
from tests.webconfig.secured import HASH, PASSWORD

USERS = {"alice": HASH}
RIGHT, WRONG, BUSY = Verdict.RIGHT, Verdict.WRONG, Verdict.BUSY


def verified(passwords: Passwords, users: dict[str, str], name: str, password: bytes) -> Verdict:
    return anyio.run(passwords.verify, users, name, password)


class Counting:
    """bcrypt that counts how often it is asked, and for which cost."""

    def __init__(self) -> None:
        self.costs: list[bytes] = []

    def __call__(self, password: bytes, known: bytes) -> bool:
        self.costs.append(known[4:6])
        return bcrypt.checkpw(password, known)


@pytest.mark.parametrize(
    ("name", "password", "verdict"),
    [
        ("alice", PASSWORD, RIGHT),
        ("alice", PASSWORD + "x", WRONG),
        ("alice", "", WRONG),
        ("Alice", PASSWORD, WRONG),
        ("", PASSWORD, WRONG),
        ("alice", PASSWORD + "\0", WRONG),
        ("alice", "x" * 5000, WRONG),
    ],
)
def test_who_is_right(name: str, password: str, verdict: Verdict) -> None:
    passwords = Passwords()
    for _ in range(2):
        assert verified(passwords, USERS, name, password.encode()) is verdict


@pytest.mark.parametrize("kind", ["2a", "2b", "2x", "2y"])
def test_every_kind_of_bcrypt_hash(kind: str) -> None:
    users = {"alice": HASH.replace("$2b$", f"${kind}$")}
    assert verified(Passwords(), users, "alice", PASSWORD.encode()) is RIGHT


def test_a_long_password_counts_as_far_as_bcrypt_looks() -> None:
    """72 bytes, as htpasswd and Prometheus' own programs have it."""
    long = ("€" * 30).encode()
    users = {"alice": bcrypt.hashpw(long[:72], bcrypt.gensalt(4)).decode()}
    assert verified(Passwords(), users, "alice", long) is RIGHT
    assert verified(Passwords(), users, "alice", long[:71]) is WRONG


def test_what_was_right_once_costs_nothing_again() -> None:
    check = Counting()
    passwords = Passwords(check)
    for _ in range(5):
        assert verified(passwords, USERS, "alice", PASSWORD.encode()) is RIGHT
    assert len(check.costs) == 1


def test_what_was_wrong_is_looked_at_again_and_drives_out_nobody() -> None:
    check = Counting()
    passwords = Passwords(check)
    verified(passwords, USERS, "alice", PASSWORD.encode())
    for guess in range(120):
        assert verified(passwords, USERS, "alice", b"%d" % guess) is WRONG
    assert verified(passwords, USERS, "alice", PASSWORD.encode()) is RIGHT
    assert len(check.costs) == 121


def test_a_changed_hash_makes_the_old_password_wrong() -> None:
    passwords = Passwords()
    assert verified(passwords, USERS, "alice", PASSWORD.encode()) is RIGHT
    changed = {"alice": bcrypt.hashpw(b"other", bcrypt.gensalt(4)).decode()}
    assert verified(passwords, changed, "alice", PASSWORD.encode()) is WRONG
    assert verified(passwords, {"bob": HASH}, "alice", PASSWORD.encode()) is WRONG


def test_a_user_that_does_not_exist_costs_as_much() -> None:
    """One comparison of the same cost for each guess, whoever it is for."""
    users = {"alice": HASH.replace("$2b$04$", "$2b$05$")}
    check = Counting()
    passwords = Passwords(check)
    for name in ("alice", "nobody", "alice", "nobody"):
        assert verified(passwords, users, name, b"guess") is WRONG
    assert check.costs == [b"05"] * 4


def test_no_password_is_that_of_nobody() -> None:
    passwords = Passwords(lambda _password, _known: True)
    assert verified(passwords, USERS, "nobody", b"anything") is WRONG


def test_guesses_wait_and_hold_up_neither_the_loop_nor_who_is_known() -> None:
    """One guess is compared at a time, so many may wait, and those after them come again later."""
    begun, go_on = Event(), Event()
    at_once: list[int] = []
    most: list[int] = []

    def slow(password: bytes, known: bytes) -> bool:
        if password == PASSWORD.encode():
            return bcrypt.checkpw(password, known)
        at_once.append(1)
        most.append(len(at_once))
        begun.set()
        assert go_on.wait(30)
        at_once.pop()
        return False

    async def flood() -> list[Verdict]:
        passwords = Passwords(slow)
        assert await passwords.verify(USERS, "alice", PASSWORD.encode()) is RIGHT
        verdicts: list[Verdict] = []

        async def guess() -> None:
            verdicts.append(await passwords.verify(USERS, "alice", b"guess"))

        async with anyio.create_task_group() as guesses:
            for _ in range(WAITING + 5):
                guesses.start_soon(guess)
            await run_sync(begun.wait, 30)
            # The comparison hangs, and yet:
            assert await passwords.verify(USERS, "alice", PASSWORD.encode()) is RIGHT
            assert verdicts == [BUSY] * 5
            go_on.set()
        return verdicts

    verdicts = anyio.run(flood)
    assert verdicts.count(WRONG) == WAITING
    assert max(most) == 1
