"""All that can be found, in the order in which it is told: what hides the rest comes first."""

from dataclasses import dataclass
from enum import Enum, StrEnum


class Severity(StrEnum):
    """An ``error`` makes numbers wrong or missing; a ``warning`` may do so later, or mislead."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Traits:
    """The name of a kind for scripts, what it does to the numbers, and what to do about it."""

    code: str
    severity: Severity
    effect: str
    remedy: str


def _error(code: str, effect: str, remedy: str) -> Traits:
    return Traits(code, Severity.ERROR, effect, remedy)


def _warning(code: str, effect: str, remedy: str) -> Traits:
    return Traits(code, Severity.WARNING, effect, remedy)


_NOTHING = "nothing can be read from GitLab, so no number comes or changes"
_PART = "it has no numbers, and is missing in those of its groups"
_NO_LEAD_TIME = "its deployments count, but it has no lead time for changes"
_NO_PRODUCTION = "it has no numbers for production, the tier that is asked for most"


class Kind(Enum):
    """What may be found."""

    UNKNOWN_HOST = _error(
        "unknown-host", _NOTHING, "correct the host in gitlab.url, or this machine's DNS"
    )
    PROXY_FAILS = _error(
        "proxy-fails",
        _NOTHING,
        "correct HTTPS_PROXY or HTTP_PROXY, or name GitLab's host in NO_PROXY",
    )
    CONNECTION_REFUSED = _error(
        "connection-refused",
        _NOTHING,
        "correct host and port in gitlab.url, start GitLab, or open the firewall",
    )
    NO_ANSWER = _error(
        "no-answer",
        _NOTHING,
        "correct gitlab.url, open the firewall or set a proxy, or raise gitlab.timeout",
    )
    CERTIFICATE_EXPIRED = _error(
        "certificate-expired", _NOTHING, "renew the certificate of GitLab's web server"
    )
    CERTIFICATE_NOT_YET_VALID = _error(
        "certificate-not-yet-valid",
        _NOTHING,
        "set this machine's clock, or wait until the certificate of GitLab begins to hold",
    )
    CERTIFICATE_WRONG_HOST = _error(
        "certificate-wrong-host",
        _NOTHING,
        "write in gitlab.url a name that the certificate has, or get one with this name",
    )
    CERTIFICATE_SELF_SIGNED = _error(
        "certificate-self-signed",
        _NOTHING,
        "name that certificate (PEM) in gitlab.ca_file, if it is the one you expect",
    )
    CERTIFICATE_UNTRUSTED = _error(
        "certificate-untrusted",
        _NOTHING,
        "name your certificate authority (PEM) in gitlab.ca_file,"
        " and have GitLab send the certificates between",
    )
    AUTHORITIES_UNUSABLE = _error(
        "ca-file-unusable", _NOTHING, "write the path of a PEM file with certificates there"
    )
    NO_TLS = _error("no-tls", _NOTHING, "write http:// in gitlab.url, or the port that speaks TLS")
    CONNECTION_FAILS = _error(
        "connection-fails",
        _NOTHING,
        "correct scheme and port in gitlab.url, and look at what stands between",
    )
    REDIRECTED = _error(
        "redirected",
        _NOTHING + ": the token goes to gitlab.url only",
        "set gitlab.url to where GitLab lives, if that is the address",
    )
    NOT_GITLAB = _error(
        "not-gitlab",
        _NOTHING,
        "set gitlab.url to the address of GitLab's start page, with its path if it has one,"
        " such as https://example.com/gitlab",
    )
    WEB_PAGE = _error(
        "web-page",
        _NOTHING,
        "let requests to /api/ pass the login or proxy that answers, or correct gitlab.url",
    )
    TOKEN_EXPIRED = _error(
        "token-expired", _NOTHING, "create a token with the scope read_api, and give it instead"
    )
    TOKEN_REVOKED = _error(
        "token-revoked", _NOTHING, "create a token with the scope read_api, and give it instead"
    )
    TOKEN_UNKNOWN = _error(
        "token-unknown",
        _NOTHING,
        "copy the token again, whole, from the GitLab of gitlab.url; older versions say the same of"
        " an expired one",
    )
    TOKEN_SCOPE = _error(
        "token-scope", _NOTHING, "create a token with the scope read_api, and give it instead"
    )
    TOKEN_REFUSED = _error(
        "token-refused",
        _NOTHING,
        "do what GitLab says, or create a token for another account, with the scope read_api",
    )
    RATE_LIMIT_SPENT = _error(
        "rate-limit-spent",
        "polls wait, numbers grow old, and nothing further was looked at",
        "lower gitlab.max_requests_per_second or gitlab.rate_limit_reserve, stop others with the"
        " same token, or raise GitLab's limit; then look again",
    )
    GITLAB_FAILS = _error(
        "gitlab-fails",
        "what it does not tell keeps its old numbers, or has none",
        "look at GitLab's own health and logs, and look again",
    )
    VERSION_TOO_OLD = _error(
        "version-too-old",
        "it tells no merge requests of deployments, so there is no lead time for changes",
        "upgrade GitLab to 12.7 or later; 14.0 or later is better",
    )
    GROUP_MISSING = _error(
        "group-missing",
        "none of its projects is counted, and it has no series",
        "correct its entry in groups, or make the token's owner a Reporter there",
    )
    GROUP_IS_PROJECT = _error("group-is-project", _PART, "list it under projects")
    PROJECT_MISSING = _error(
        "project-missing",
        _PART,
        "correct its entry in projects, or make the token's owner a Reporter there",
    )
    PROJECT_IS_GROUP = _error("project-is-group", _PART, "list it under groups")
    GROUP_EMPTY = _error(
        "group-empty",
        "it brings no numbers",
        "give the path of a group with projects, set include_subgroups, or make the token's owner a"
        " Reporter in them",
    )
    GROUP_ARCHIVED = _error(
        "group-only-archived",
        "it brings no numbers",
        "set archived: true for it if their past matters, or leave it out",
    )
    ALL_EXCLUDED = _error(
        "all-excluded", "it brings no numbers", "make the expressions of exclude narrower"
    )
    PROJECT_EXCLUDED = _error(
        "project-excluded", _PART, "make the expression narrower, or leave the project out"
    )
    ROLE_TOO_LOW = _error(
        "role-too-low",
        _PART,
        "make the token's owner a Reporter there, best in the group above all of them",
    )
    ENVIRONMENTS_OFF = _error(
        "environments-off",
        _PART,
        "switch on CI/CD and environments in the project's settings, or exclude it",
    )
    NOTHING_DEPLOYED = _error(
        "nothing-deployed",
        "there are no numbers at all",
        "deploy by jobs with `environment:`, or poll the projects that do",
    )
    NO_ENVIRONMENTS = _error(
        "no-environments",
        _PART,
        "name an `environment:` in the jobs that deploy, or exclude the project",
    )
    NO_DEPLOYMENTS = _error(
        "no-deployments",
        _PART,
        "deploy by jobs with `environment:`, or record deployments through GitLab's API",
    )
    ONLY_UNSUCCESSFUL = _error(
        "only-unsuccessful",
        "only successes count, so it has no numbers",
        "mend the jobs that deploy, or approve what is blocked",
    )
    PRODUCTION_MISSED = _error(
        "production-missed",
        "its deployments are missing in the numbers of production",
        "set `deployment_tier: production` for it, or a rule in environments.tier_overrides",
    )
    COUNTED_AS_PRODUCTION = _error(
        "counted-as-production",
        "its deployments count as production, so the frequency is too high and lead times end too"
        " early",
        "set `deployment_tier` for it, or a rule in environments.tier_overrides before the others",
    )
    ONLY_REVIEW = _error(
        "only-review-apps", _NO_PRODUCTION, "name the environment of production in the job for it"
    )
    NO_PRODUCTION = _error(
        "no-production",
        _NO_PRODUCTION,
        "set `deployment_tier: production` for the right one, or a rule in"
        " environments.tier_overrides",
    )
    PRODUCTION_NOT_DEPLOYED = _error(
        "production-not-deployed",
        _NO_PRODUCTION,
        "deploy to it, or set the tier of the environment that is the real one",
    )
    NO_MERGE_REQUESTS = _error(
        "no-merge-requests",
        _NO_LEAD_TIME,
        "merge by merge requests, and deploy the branch that they are merged into",
    )
    BRANCHES_MATCH_NOTHING = _error(
        "target-branches-match-nothing",
        _NO_LEAD_TIME,
        "write whole names of branches in lead_time.target_branches (they are no patterns), or"
        " leave it empty",
    )
    AUTHORS_EXCLUDED = _error(
        "authors-all-excluded",
        _NO_LEAD_TIME,
        "name only bots in lead_time.exclude_authors",
    )
    CLOCKS_DIFFER = _error(
        "clocks-differ",
        "windows and days end at the wrong moment, and what is newest may be missing",
        "synchronise both clocks, for example by NTP",
    )
    TOKEN_EXPIRES_SOON = _warning(
        "token-expires-soon",
        "then nothing can be read any more",
        "create its successor now; with gitlab.token_file no restart is needed",
    )
    CERTIFICATE_EXPIRES_SOON = _warning(
        "certificate-expires-soon",
        "then nothing can be read any more",
        "renew the certificate of GitLab's web server",
    )
    NOT_VERIFIED = _warning(
        "certificate-not-verified",
        "the numbers are right, but anybody between may read the token",
        "set gitlab.ssl_verify to true, and gitlab.ca_file to your own authority if there is one",
    )
    GRAPHQL_OFF = _warning(
        "graphql-off",
        "finishes are taken from jobs, milliseconds off, and each project costs a request a poll",
        "let requests to /api/graphql pass, for this token too",
    )
    GRAPHQL_LACKS = _warning(
        "graphql-lacks",
        "what is lacking is read in more requests, and finishes may be milliseconds off",
        "upgrade GitLab when you can",
    )
    TIERS_UNTOLD = _warning(
        "tiers-untold",
        "tiers are guessed from names, as GitLab does",
        "upgrade GitLab to 14.0 or later, or write environments.tier_overrides",
    )
    TIER_DISAGREES = _warning(
        "tier-disagrees",
        "its deployments count for a tier that its name does not suggest",
        "set `deployment_tier` for it, or a rule in environments.tier_overrides",
    )
    SEVERAL_PRODUCTION = _warning(
        "several-production",
        "deployments to each count, so one release to all counts several times",
        "keep the tier production for one of them, if a release is what you count",
    )
    PROJECT_MOVED = _warning(
        "project-moved",
        "its series have the new path, and the old one works until another project takes it",
        "write the new path in projects",
    )
    PROJECT_ARCHIVED = _warning(
        "project-archived",
        "nothing is deployed any more, so its numbers fall to nothing",
        "leave it out, unless its past matters",
    )
    CI_OFF = _warning(
        "ci-off",
        "no job deploys any more, so its numbers fall to nothing",
        "switch on CI/CD in the project's settings, or exclude it",
    )
    LONG_AGO = _warning(
        "deployed-long-ago",
        "no number counts it, as far as the first poll reaches back",
        "raise poll.history if it matters, or exclude the project",
    )
    HISTORY_TOO_SHORT = _warning(
        "history-too-short",
        "the gauges of that window stay absent until the stored history covers it",
        "raise poll.history above the longest window before the first poll",
    )
    OVERRIDE_UNUSED = _warning(
        "override-unused",
        "it changes nothing, and what it was meant for has GitLab's tier",
        "correct the expression; it is looked for in the environment's name, case and all",
    )
    EXCLUDE_UNUSED = _warning(
        "exclude-unused",
        "it leaves nothing out, and what it was meant for is counted",
        "correct the expression; it is looked for in the project's full path, case and all",
    )

    @property
    def order(self) -> int:
        """Its place among all kinds."""
        return _ORDER[self]


_ORDER = {kind: place for place, kind in enumerate(Kind)}
