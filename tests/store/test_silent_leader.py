"""A leader that is frozen or cut off from PostgreSQL loses the lead, and stores nothing later."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread

import pytest
from sqlalchemy import make_url

from exporter.store import LostLeadError, Store
from exporter.store.leadership import Leadership
from exporter.store.rhythm import Rhythm
from tests.postgres import Server, cut_every_connection
from tests.tcp_proxy import proxy_to
from tests.waiting import wait_until

INTERVAL = timedelta(seconds=1)
RHYTHM = Rhythm.of(INTERVAL)

LEADER = """
import sys
from datetime import timedelta
from threading import Thread
from time import sleep
from exporter.store import Store

def write(at):
    store.scope.save_discovery({}, at=at, fingerprint="frozen")

def write_in_two_parts():
    with store._database.writing() as connection:
        store.scope._note(connection, "scope", "half done")
        print("half done", flush=True)
        sys.stdin.readline()
        store.scope._note(connection, "discovered_at", "2")

def beat():
    while True:
        store.leadership.beat()
        sleep(store.rhythm.turn)

with Store.open(sys.argv[1], poll_interval=timedelta(seconds=1)) as store:
    assert store.leadership.hold()
    write(1)
    Thread(target=beat, daemon=True).start()
    print("leads", flush=True)
    for line in sys.stdin:
        try:
            if line == "may ask\\n":
                print(store.leadership.confirmed(), flush=True)
                continue
            write(2) if line == "write\\n" else write_in_two_parts()
            print("written", flush=True)
        except Exception as error:
            print(type(error).__name__, flush=True)
"""


class Leader:
    """An exporter's store in a process of its own, which leads and says each turn that it lives."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.expect("leads")

    def say(self, line: str) -> None:
        """Have it do something."""
        assert self.process.stdin
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def expect(self, line: str) -> None:
        """Check what it says next."""
        assert self.process.stdout
        assert self.process.stdout.readline() == f"{line}\n"

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop it for a while."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.create_database()


@pytest.fixture
def leader(url: str) -> Iterator[Leader]:
    with subprocess.Popen(
        [sys.executable, "-c", LEADER, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Leader(process)
        finally:
            process.kill()


@pytest.fixture
def follower(url: str, leader: Leader) -> Iterator[Store]:  # noqa: ARG001 - it is to lead
    """Another exporter, on the database of one that leads."""
    with Store.open(url, poll_interval=INTERVAL) as store:
        assert not store.leadership.hold()
        yield store


@contextmanager
def beating(store: Store) -> Iterator[None]:
    """Say each turn that an exporter lives."""
    ended = Event()

    def beat() -> None:
        while not ended.wait(RHYTHM.turn):
            store.leadership.beat()

    thread = Thread(target=beat)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def take_over(follower: Store) -> None:
    """Wait until another exporter leads."""
    wait_until(follower.leadership.hold, 20, RHYTHM.turn)


def test_who_says_that_it_lives_keeps_the_lead(url: str) -> None:
    with (
        Store.open(url, poll_interval=INTERVAL) as leader,
        Store.open(url, poll_interval=INTERVAL) as follower,
    ):
        assert leader.leadership.hold()
        with beating(leader):
            last = time.monotonic() + 2 * RHYTHM.silence
            wait_until(
                lambda: follower.leadership.hold() or time.monotonic() > last, every=RHYTHM.turn
            )
        assert not follower.leadership.leads
        leader.scope.save_discovery({}, at=1, fingerprint="leader")


def test_a_frozen_leader_is_replaced_and_stores_nothing_when_it_wakes_up(
    leader: Leader, follower: Store
) -> None:
    with leader.frozen():
        take_over(follower)
    leader.say("write")
    leader.expect("LostLeadError")
    leader.say("may ask")
    leader.expect("False")
    assert follower.scope.discovered() == (1, "frozen")
    assert not follower.leadership.orderly


def test_a_leader_that_froze_while_it_wrote_holds_nobody_up_and_has_written_nothing(
    leader: Leader, follower: Store
) -> None:
    leader.say("write in two parts")
    leader.expect("half done")
    with leader.frozen():
        take_over(follower)
        follower.scope.save_discovery({}, at=3, fingerprint="new")
    leader.say("go on")
    leader.expect("InternalError")
    leader.say("write")
    leader.expect("LostLeadError")
    assert follower.scope.discovered() == (3, "new")


def test_a_leader_that_the_network_cuts_off_is_replaced_and_stores_nothing_later(
    postgres: Server, url: str
) -> None:
    with proxy_to(postgres.directory / ".s.PGSQL.5432") as proxy:
        parts = make_url(url).set(host="127.0.0.1", port=proxy.port, query={})
        through = parts.render_as_string(hide_password=False)
        with (
            Store.open(through, poll_interval=INTERVAL) as old,
            Store.open(url, poll_interval=INTERVAL) as new,
        ):
            lost = Event()
            old.leadership.when_lost = lost.set
            assert old.leadership.hold()
            old.scope.save_discovery({}, at=1, fingerprint="old")
            with beating(old):
                assert not new.leadership.hold()
                proxy.hang()
                take_over(new)
                new.scope.save_discovery({}, at=2, fingerprint="new")
                proxy.cut()
                assert lost.wait(20)
            assert not old.leadership.confirmed()
            with pytest.raises(LostLeadError):
                old.scope.save_discovery({}, at=3, fingerprint="old")
            assert old.scope.discovered() == (2, "new")
            assert not old.leadership.hold()
            assert new.leadership.hold()


def test_after_its_lease_a_leader_asks_nobody_before_it_has_asked_the_database(url: str) -> None:
    now = [0.0]
    with Store.open(url) as store:
        lost = Event()
        leadership = Leadership(store._database, RHYTHM, lambda: now[0])
        leadership.when_lost = lost.set
        assert not leadership.confirmed()
        assert leadership.hold()
        cut_every_connection(url)
        now[0] = 0.9 * RHYTHM.lease
        assert leadership.confirmed()  # whom it would ask is not there, and it need not ask yet
        now[0] = RHYTHM.lease
        assert not leadership.confirmed()
        assert lost.is_set()
        assert not leadership.leads
        assert leadership.hold()
        now[0] += RHYTHM.lease
        assert leadership.confirmed()  # it asked
        leadership.resign()
