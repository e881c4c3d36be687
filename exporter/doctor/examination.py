"""The order of questions: the way to GitLab, the token, the scope, then one project at a time.

What fails hides what comes after it, and ends the examination: its first line names the cause.
A project costs 3 requests, and up to 9 more where these tell too little; no more than ``most``
projects are looked at.
"""

from collections.abc import Callable, Iterable
from threading import Event
from typing import Protocol

from exporter import __version__
from exporter.clock import Clock
from exporter.config import Settings
from exporter.doctor import reach
from exporter.doctor.deployments import check_deployments
from exporter.doctor.environments import check_environments
from exporter.doctor.finding import Finding, Severity, ordered
from exporter.doctor.kinds import Kind
from exporter.doctor.patience import ImpatientClock
from exporter.doctor.report import Report
from exporter.doctor.scope import MOST_FAILURES, Scope, check_scope
from exporter.doctor.seen import Seen, read_seen
from exporter.doctor.token import check_token, refused
from exporter.dora.facts import Project
from exporter.gitlab import Budget, Client, GitLabSource
from exporter.gitlab.callers import REPORTER
from exporter.gitlab.errors import (
    INSUFFICIENT_SCOPE,
    ForbiddenError,
    GitLabError,
    NotFoundError,
    RateLimitedError,
    RefusedError,
    StoppedError,
    TransientError,
    UnauthorizedError,
)
from exporter.gitlab.inspection import Inspection, ProjectFacts

MOST_PROJECTS = 100

_ENDING = (StoppedError, UnauthorizedError, RateLimitedError)
"""What ends the examination, whatever was asked."""

_ROLES = {5: "Minimal Access", 10: "Guest", 15: "Planner"}


class Progress(Protocol):
    """Tells of long work."""

    def expect(self, steps: int) -> None:
        """Learn of more steps."""

    def advance(self) -> None:
        """Count a step as done."""

    def finish(self) -> None:
        """Learn that there are no more."""


class Examination:
    """Examines one set-up, once, with requests one after the other."""

    def __init__(
        self,
        settings: Settings,
        token: Callable[[], str],
        *,
        clock: Clock,
        progress: Progress,
        most: int = MOST_PROJECTS,
    ) -> None:
        """Ask nothing yet.

        Args:
            settings: what is set up.
            token: gives the token for GitLab.
            clock: the machine's.
            progress: is told how it goes.
            most: projects to look at.
        """
        self._settings = settings
        self._most = most
        self._progress = progress
        self._clock = ImpatientClock(clock)
        self._findings: list[Finding] = []
        self._scope = Scope()
        self._looked_at: list[Seen] = []
        self._projects = 0
        self._requests = 0
        self._failures = 0
        gitlab = settings.gitlab
        stop = Event()
        self._client = Client(
            gitlab.url,
            token=token,
            clock=self._clock,
            stop=stop,
            budget=Budget(self._clock, stop, **gitlab.limits),
            observer=self._count,
            ssl_verify=gitlab.verification,
            timeout=gitlab.timeout.seconds,
            connections=1,
            user_agent=f"gitlab-dora-exporter/{__version__} doctor",
        )
        self._inspection = Inspection(self._client)
        self._token_key = "gitlab.token" if gitlab.token_file is None else "gitlab.token_file"

    def run(self) -> Report:
        """Examine the set-up; return what was found."""
        whole = False
        try:
            whole = self._examine()
        except (StoppedError, RateLimitedError):
            left = self._client.budget.remaining
            what = f"it allows {left} requests more" if left is not None else "it asks to wait"
            seconds = self._clock.gave_up
            more = f", for the next {seconds:.0f} s" if seconds else " again and again"
            self._add(Kind.RATE_LIMIT_SPENT, "GitLab", what + more)
        except UnauthorizedError as error:
            self._findings.append(refused(error, self._token_key))
        except RefusedError as error:
            self._note_refusal(error)
        except TransientError as error:
            self._add(Kind.GITLAB_FAILS, "GitLab", str(error))
        finally:
            self._progress.finish()
            self._client.close()
        self._judge()
        self._findings += reach.check_clocks(self._client, self._clock.now())
        return Report(
            self._settings.gitlab.url,
            ordered(self._findings),
            self._projects,
            len(self._scope.paths),
            self._requests,
            whole,
        )

    def _examine(self) -> bool:
        """Ask one question after the other; return whether all were asked."""
        self._findings += reach.check_history(self._settings)
        found, version = reach.check_contact(self._client, self._inspection)
        self._findings += found
        if self._failed():
            return False
        self._findings += reach.check_certificate(self._settings, self._clock.now())
        self._findings += check_token(self._client, self._token_key, self._clock.now())
        if self._failed():
            return False
        self._findings += reach.check_version(version or "")
        self._findings += reach.check_graphql(self._client)
        self._progress.expect(len(self._settings.projects) + len(self._settings.groups))
        self._scope, found = check_scope(self._inspection, self._settings, self._progress.advance)
        self._findings += found
        self._failures = self._scope.failures
        chosen = self._scope.chosen(self._most)
        self._progress.expect(len(chosen))
        for number in chosen:
            self._look_at(number)
            self._progress.advance()
            if self._failures >= MOST_FAILURES:
                return False
        self._read_links()
        return not self._failures

    def _failed(self) -> bool:
        return any(one.severity is Severity.ERROR for one in self._findings)

    def _look_at(self, number: int) -> None:
        """Read one project; one that cannot be read hides no other."""
        path = self._scope.paths[number]
        facts = self._scope.listed.get(number)
        self._projects += 1
        try:
            facts = facts or self._inspection.project(number)
            listed = number in self._scope.listed
            self._looked_at.append(
                read_seen(self._inspection, self._settings, facts, listed=listed)
            )
        except _ENDING:
            raise
        except (ForbiddenError, NotFoundError) as error:
            if INSUFFICIENT_SCOPE in str(error):
                raise
            self._findings.append(_closed(path, facts))
        except GitLabError as error:
            self._failures += 1
            self._add(Kind.GITLAB_FAILS, path, str(error))
        else:
            if not facts.jobs:
                self._add(Kind.CI_OFF, path, "CI/CD is switched off")

    def _read_links(self) -> None:
        """Read the merge requests of some deployments, of all projects together where it can be."""
        now = self._client.budget.server_time()
        wanted = {
            Project(seen.facts.id, seen.facts.path): [one.id for one in seen.sample(now)]
            for seen in self._looked_at
            if seen.sample(now)
        }
        source = GitLabSource(self._client, self._clock)
        found = source.linked(wanted)
        for seen in self._looked_at:
            try:
                for one in seen.sample(now):
                    linked = found.get(one.id)
                    if linked is None:
                        linked = source.merge_requests(seen.facts.id, one.id)
                    seen.linked[one.id] = linked
                if seen.facts.merges and seen.linked and not any(seen.linked.values()):
                    seen.has_merged = self._inspection.has_merged(seen.facts.id)
            except _ENDING:
                raise
            except GitLabError as error:
                self._failures += 1
                self._add(Kind.GITLAB_FAILS, seen.facts.path, str(error))
                if self._failures >= MOST_FAILURES:
                    return

    def _judge(self) -> None:
        now = self._client.budget.server_time()
        for seen in self._looked_at:
            self._findings += check_environments(seen, self._settings, now)
            self._findings += check_deployments(seen, self._settings, now)
        everything = self._projects == len(self._scope.paths) == len(self._looked_at)
        if everything and self._looked_at:
            self._findings += self._unused_overrides()
        if self._looked_at and not any(seen.successes for seen in self._looked_at):
            what = f"no project that was looked at has a successful deployment ({self._projects})"
            if not self._failed():
                self._add(Kind.NOTHING_DEPLOYED, "projects and groups", what)

    def _unused_overrides(self) -> Iterable[Finding]:
        names = {one.name for seen in self._looked_at for one in seen.environments}
        return [
            Finding.of(
                Kind.OVERRIDE_UNUSED,
                "environments.tier_overrides",
                f"{one.match.pattern!r} matches no environment",
            )
            for one in self._settings.environments.tier_overrides
            if all(seen.whole for seen in self._looked_at)
            and not any(one.match.search(name) for name in names)
        ]

    def _note_refusal(self, error: RefusedError) -> None:
        if isinstance(error, ForbiddenError):
            self._findings.append(refused(error, self._token_key))
        else:
            self._add(Kind.GITLAB_FAILS, "GitLab", str(error))

    def _add(self, kind: Kind, subject: str, what: str) -> None:
        self._findings.append(Finding.of(kind, subject, what))

    def _count(self, _endpoint: str, _status: str) -> None:
        self._requests += 1


def _closed(path: str, facts: ProjectFacts | None) -> Finding:
    """Tell why GitLab refuses a project's environments or deployments."""
    if facts is None:
        return Finding.of(Kind.PROJECT_MISSING, f"project {path}", "the token may not see it")
    if not facts.deploys:
        return Finding.of(Kind.ENVIRONMENTS_OFF, path, "environments are switched off")
    if not facts.jobs:
        return Finding.of(Kind.ENVIRONMENTS_OFF, path, "CI/CD is switched off")
    if 0 < facts.role < REPORTER:
        role = _ROLES.get(facts.role, str(facts.role))
        return Finding.of(Kind.ROLE_TOO_LOW, path, f"the token has the role {role} only")
    return Finding.of(Kind.ROLE_TOO_LOW, path, "the token has not the role Reporter")
