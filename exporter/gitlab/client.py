"""Asking GitLab: python-gitlab's HTTP, with tries, pages and GraphQL, and this project's errors."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests
from gitlab import Gitlab
from gitlab.exceptions import GitlabError as PythonGitlabError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_exponential,
    wait_random,
)

from exporter.clock import Clock
from exporter.gitlab.budget import Budget
from exporter.gitlab.contact import trouble_behind
from exporter.gitlab.errors import (
    FOR_PEOPLE,
    BadAnswerError,
    GitLabError,
    RateLimitedError,
    StoppedError,
    TransientError,
    UnavailableError,
    refusal,
)
from exporter.gitlab.transport import Observer, open_session

log = logging.getLogger(__name__)

PAGE = 100
"""Items of a page, GitLab's most."""

_READINGS = 3
"""How often a list is read until it is as long as GitLab says."""

_TRIES = 4
_TRIES_RATE_LIMITED = 10


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list. ``total`` is None where GitLab does not count (above 10,000 items)."""

    items: Sequence[Any]
    total: int | None
    last: bool


@dataclass(frozen=True, slots=True)
class GraphQLAnswer:
    """What became of one query: its data, None where there are errors; whether it timed out."""

    data: Any
    late: bool = False


class Client:
    """Requests to one GitLab, safe to use from several threads."""

    def __init__(
        self,
        url: str,
        *,
        token: Callable[[], str],
        clock: Clock,
        stop: Event,
        budget: Budget,
        observer: Observer,
        ssl_verify: bool | str = True,
        timeout: float = 30.0,
        connections: int = 8,
        user_agent: str = "gitlab-dora-exporter",
    ) -> None:
        self._clock = clock
        self._stop = stop
        self.budget = budget
        self._session = open_session(
            url, token=token, budget=budget, observer=observer, connections=connections
        )
        self._gitlab = Gitlab(
            url,
            session=self._session,
            ssl_verify=ssl_verify,
            timeout=timeout,
            user_agent=user_agent,
        )
        self._retrying = Retrying(
            retry=retry_if_exception_type(TransientError),
            stop=_tried_enough,
            wait=wait_exponential(multiplier=0.5, max=10) + wait_random(0, 0.5),
            sleep=self._sleep,
            reraise=True,
        )

    def get(self, path: str, **parameters: object) -> Any:
        """Return the JSON of one answer.

        Raises:
            GitLabError: if GitLab does not give it, after several tries where that may help.
        """
        return self._retrying(self._json, "get", path, parameters)[0]

    def get_once(self, path: str) -> Any:
        """Return the JSON of one answer, or tell at once why there is none.

        Raises:
            GitLabError: if GitLab does not give it.
        """
        return self._json("get", path, {})[0]

    def landing(self) -> str:
        """Return where people land who open the address of this GitLab: a full URL.

        Raises:
            GitLabError: if they land nowhere, or on another host.
        """
        return self._send("get", f"{self._gitlab.url}/", {}).url

    def pages(self, path: str, **parameters: object) -> Iterator[Page]:
        """Yield the pages of a list, asking for each when it is wanted.

        Raises:
            GitLabError: if GitLab does not give one, after several tries where that may help.
        """
        wanted: dict[str, object] = {"per_page": PAGE, **parameters}
        before = None
        while True:
            items, response = self._retrying(self._page, path, wanted)
            if items and items == before:
                raise BadAnswerError(f"GET {path}: the same page twice")
            before = items
            try:
                following = _following(wanted, response, len(items))
                total = response.headers.get("X-Total", "")
                counted = int(total) if total.isdecimal() else None
            except ValueError:
                raise BadAnswerError(f"GET {path}: no page is where its headers point") from None
            yield Page(items, counted, following is None)
            if following is None:
                return
            wanted = following

    def items(self, path: str, **parameters: object) -> list[Any]:
        """Return all items of a list, each once.

        It is read again if rows moved between its pages meanwhile: what is deleted moves another
        row out of sight.

        Raises:
            GitLabError: if GitLab does not give it, after several tries where that may help.
        """
        before: dict[object, Any] = {}
        for _ in range(_READINGS):
            found: dict[object, Any] = {}
            total = 0
            for page in self.pages(path, **parameters):
                total = max(total, page.total or 0)
                found |= {_identity(item): item for item in page.items}
            # Twice the same is all that there is, whatever GitLab counts.
            if len(found) >= total or found.keys() == before.keys():
                return list(found.values())
            before = found
        raise BadAnswerError(f"GET {path}: {len(found)} rows where GitLab counts {total}")

    def graphql(self, queries: Sequence[tuple[str, Mapping[str, object]]]) -> list[Any]:
        """Execute several GraphQL queries in one request; return each one's ``data``.

        A query that GitLab answers with errors gives None in its place.

        Raises:
            GitLabError: if the request as a whole fails.
        """
        return [answer.data for answer in self.graphql_answers(queries)]

    def graphql_answers(
        self, queries: Sequence[tuple[str, Mapping[str, object]]], *, insist: bool = True
    ) -> list[GraphQLAnswer]:
        """Execute several GraphQL queries in one request.

        Args:
            queries: texts with their variables.
            insist: whether to try again where GitLab is unavailable.

        Raises:
            GitLabError: if the request as a whole fails.
        """
        body = [{"query": query, "variables": dict(variables)} for query, variables in queries]
        retrying = self._retrying if insist else self._retrying.copy(stop=_tried_once)
        return list(map(_graphql_answer, retrying(self._answers, body)))

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _page(self, path: str, wanted: dict[str, object]) -> tuple[list[Any], requests.Response]:
        items, response = self._json("get", path, wanted)
        if not isinstance(items, list):
            raise BadAnswerError(f"GET {path}: an object where a list belongs")
        asked = str(wanted.get("page", 1))
        if response.headers.get("X-Page", asked) != asked:
            raise BadAnswerError(f"GET {path}: another page than the one asked for")
        return items, response

    def _answers(self, body: list[dict[str, object]]) -> list[Any]:
        answers, _ = self._json("post", _graphql_url(self._gitlab), body)
        if not isinstance(answers, list) or len(answers) != len(body):
            raise BadAnswerError("POST /api/graphql: not one answer for each query")
        return answers

    def _json(self, verb: str, path: str, content: Any) -> tuple[Any, requests.Response]:
        response = self._send(verb, path, content)
        try:
            return response.json(), response
        except requests.exceptions.JSONDecodeError:
            raise BadAnswerError(f"{verb.upper()} {path}: the answer is not JSON") from None
        except (ValueError, RecursionError) as error:
            raise _unreadable(verb, path, error) from None

    def _send(self, verb: str, path: str, content: Any) -> requests.Response:
        if self._stop.is_set():
            raise StoppedError("shutting down")
        try:
            return self._gitlab.http_request(
                verb,
                path,
                query_data=content if verb == "get" else None,
                post_data=content if verb == "post" else None,
                obey_rate_limit=False,
                retry_transient_errors=False,
            )
        except GitLabError:
            raise
        except PythonGitlabError as error:
            raise _refusal(verb, path, error) from None
        except requests.exceptions.Timeout as error:
            raise UnavailableError(f"{verb.upper()} {path}: no answer in time", error) from None
        except requests.exceptions.SSLError as error:
            raise UnavailableError(f"{verb.upper()} {path}: TLS: {error}", error) from None
        except requests.exceptions.RequestException as error:
            raise _disconnected(verb, path, error) from None
        except OSError as error:  # so says `requests` of a CA file that is gone
            raise UnavailableError(f"{verb.upper()} {path}: TLS: {error}", error) from None
        except (ValueError, RecursionError) as error:
            raise _unreadable(verb, path, error) from None

    def _sleep(self, seconds: float) -> None:
        if self._clock.wait(self._stop, seconds):
            raise StoppedError("shutting down")


def _identity(item: Any) -> object:
    """Return what tells an item of a list from the others."""
    number = item.get("id") if isinstance(item, dict) else None
    usable = isinstance(number, int | str) and not isinstance(number, bool)
    return number if usable else id(item)


def _graphql_answer(answer: Any) -> GraphQLAnswer:
    errors = answer.get("errors") if isinstance(answer, dict) else "no object"
    if not errors:
        return GraphQLAnswer(answer.get("data"))
    log.debug("GraphQL errors: %s", errors)
    # "Timeout on Query.project" of its library, "Request timed out" of GitLab.
    told = str(errors).lower()
    return GraphQLAnswer(None, late="timeout" in told or "timed out" in told)


def _tried_once(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    return not isinstance(error, RateLimitedError) or _tried_enough(state)


def _tried_enough(state: RetryCallState) -> bool:
    error = state.outcome.exception() if state.outcome else None
    # The pause that a 429 asks for is kept by the budget; giving up early would waste it.
    tries = _TRIES_RATE_LIMITED if isinstance(error, RateLimitedError) else _TRIES
    return state.attempt_number >= tries


def _refusal(verb: str, path: str, error: PythonGitlabError) -> GitLabError:
    status = error.response_code or 0
    told = _told(error)
    if told.startswith("<"):
        told = FOR_PEOPLE  # of a proxy, which says no more than the status
    # GitLab's own words mostly begin with the status.
    told = told.removeprefix(str(status)).lstrip()
    return refusal(status)(f"{verb.upper()} {path}: {status} {told}".rstrip())


def _disconnected(verb: str, path: str, reason: Exception) -> UnavailableError:
    what = f"connection fails: {trouble_behind(reason)} ({type(reason).__name__})"
    return UnavailableError(f"{verb.upper()} {path}: {what}", reason)


def _unreadable(verb: str, path: str, error: Exception) -> BadAnswerError:
    """Return the error of an answer such as a number of thousands of digits, or endless lists."""
    return BadAnswerError(f"{verb.upper()} {path}: cannot be read: {type(error).__name__}")


def _told(error: PythonGitlabError) -> str:
    """Return GitLab's words; OAuth's errors carry them beside a name."""
    words = error.error_message
    with suppress(ValueError, TypeError, AttributeError):
        description = json.loads(error.response_body or b"").get("error_description")
        words = f"{words}: {description}" if description else words
    return str(words).strip()[:200]


def _following(
    wanted: Mapping[str, object], response: requests.Response, items: int
) -> dict[str, object] | None:
    """Return the parameters of the next page, None after the last."""
    link = response.links.get("next", {}).get("url")
    if link:
        # Only the parameters: behind a proxy the link may name a host that cannot be reached.
        return {**wanted, **dict(parse_qsl(urlsplit(link).query))}
    page = response.headers.get("X-Next-Page")
    if page:
        return {**wanted, "page": int(page)}
    if page is None and "Link" not in response.headers and items >= PAGE:
        # A proxy took the headers away; a full page without them may not be the last.
        return {**wanted, "page": int(str(wanted.get("page", 1))) + 1}
    return None


def _graphql_url(gitlab: Gitlab) -> str:
    return f"{gitlab.url}/api/graphql"
