"""The landing page leads on, and tells no stranger what is polled."""

import re

from starlette.testclient import TestClient

from exporter import __version__
from tests.filling import TOKEN, Filling, opened, settings_with


def test_it_says_which_version_polls_what_and_when_last(client: TestClient) -> None:
    page = client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    for text in (
        f"<dd>{__version__}</dd>",
        "<dd>https://gitlab.example.com</dd>",
        "<dd>1 projects and 1 groups, every 5m</dd>",
        "<dd>2026-03-31 10:00:00 UTC</dd>",
    ):
        assert text in page.text


def test_before_the_first_poll_it_says_so(facts: Filling) -> None:
    with opened(facts.store, facts.clock) as client:
        assert "<dd>none yet</dd>" in client.get("/").text


def test_its_links_lead_somewhere(client: TestClient) -> None:
    """They are relative, so that they hold behind a proxy's path too."""
    links = re.findall(r'href="([^"]*)"', client.get("/").text)
    assert links == ["metrics", "openapi.json", "-/ready", "-/healthy"]
    for link in links:
        assert client.get(f"/{link}").status_code == 200


def test_it_names_no_project_no_group_and_no_token(client: TestClient) -> None:
    page = client.get("/").text
    for hidden in ("acme", "secret-project", TOKEN):
        assert hidden not in page


def test_what_it_shows_is_escaped(polled: Filling) -> None:
    settings = settings_with(
        gitlab={"url": "https://gitlab.example.com/<b>&'\"", "token": TOKEN},
    )
    with opened(polled.store, polled.clock, settings) as client:
        page = client.get("/").text
    assert "<dd>https://gitlab.example.com/&lt;b&gt;&amp;&#x27;&quot;</dd>" in page
    assert "<b>" not in page
