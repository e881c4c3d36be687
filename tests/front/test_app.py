"""Scrapes at the front: from what was handed over where that is enough, else passed on."""

import gzip
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse

import pytest

from exporter.dora.facts import Project
from exporter.metrics.exposition import Exposition
from exporter.metrics.rendered import Rendered
from exporter.metrics.snapshot import Row, Snapshot
from exporter.poller import Status
from tests.front.conftest import Pages
from tests.metrics.conftest import POLLED_AT, project, row

OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
PASSED_ON = b'{"path":"/metrics"}'


@pytest.fixture
def exposition() -> Exposition:
    """More text than is sent in one piece."""
    exposition = Exposition(Status(), lambda: 7)
    rows: list[tuple[Project, list[Row]]] = [
        (project(f"acme/app-{number}", number=number), [row()]) for number in range(300)
    ]
    exposition.show(Snapshot(POLLED_AT, rows, []))
    return exposition


def scrape(
    port: int, target: str = "/metrics", method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, target, headers=headers)
        response = connection.getresponse()
        return response, response.read()


def rendered_by(exposition: Exposition) -> Rendered:
    """Return what an exposition hands on."""
    handed: list[Rendered] = []
    exposition.publish_to(handed.append)
    return handed[-1]


@pytest.mark.parametrize("accept", ["", "*/*", OPEN_METRICS])
@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_scrape_is_what_the_exporter_would_answer(
    pages: Pages, exposition: Exposition, accept: str, encoding: str
) -> None:
    rendered = rendered_by(exposition)
    pages.board.take(rendered)
    answer, body = scrape(pages.port, **{"accept": accept, "accept-encoding": encoding})
    expected = exposition.scrape(accept=accept, gzip=encoding == "gzip").answer()
    assert answer.status == 200
    assert answer.headers["content-type"] == expected.content_type
    assert answer.headers.get("content-encoding", "identity") == encoding
    assert int(answer.headers["content-length"]) == len(body)
    text = gzip.decompress(body) if encoding == "gzip" else body
    name = "open_metrics" if accept == OPEN_METRICS else "text"
    assert text == b"".join(rendered.texts[name].pieces(rendered.live[name]))
    assert b'project="acme/app-299"' in text
    assert text.endswith(rendered.live[name])
    assert pages.asked == []


def test_head_tells_the_size(pages: Pages, exposition: Exposition) -> None:
    pages.board.take(rendered_by(exposition))
    answer, body = scrape(pages.port, method="HEAD")
    _, whole = scrape(pages.port)
    assert body == b""
    assert int(answer.headers["content-length"]) == len(whole)


@pytest.mark.parametrize(
    ("target", "method", "accept"),
    [
        ("/metrics?name[]=up", "GET", ""),
        ("/metrics?name%5B%5D=up", "GET", ""),
        ("/metrics", "POST", ""),
        ("/metrics", "GET", "text/plain; version=1.0.0; escaping=dots"),
    ],
)
def test_what_is_not_rendered_is_asked_of_the_exporter(
    pages: Pages, exposition: Exposition, target: str, method: str, accept: str
) -> None:
    pages.board.take(rendered_by(exposition))
    assert scrape(pages.port, target, method, accept=accept)[1] == PASSED_ON
    assert pages.last["method"] == method


def test_before_anything_is_handed_over_the_exporter_is_asked(pages: Pages) -> None:
    assert scrape(pages.port)[1] == PASSED_ON


def test_what_is_live_changes_alone(pages: Pages, exposition: Exposition) -> None:
    rendered = rendered_by(exposition)
    pages.board.take(rendered)
    pages.board.take(Rendered({}, {"text": b"later 1\n", "open_metrics": b"# EOF\n"}))
    text = scrape(pages.port)[1]
    assert text == b"".join(rendered.texts["text"].pieces(b"later 1\n"))
