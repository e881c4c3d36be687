"""The settings: every key of ``config.yaml``, its kind and its default."""

from datetime import timedelta
from typing import Annotated, Literal, TypedDict, TypeVar, get_args
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from sqlalchemy.engine import make_url

from exporter.config.duration import Duration
from exporter.config.errors import TokenError
from exporter.config.fields import (
    Boolean,
    Count,
    ExistingFile,
    GroupReference,
    HttpUrl,
    Percentile,
    PositiveDuration,
    ProjectReference,
    Rate,
    Regex,
    Share,
    StoreUrl,
    Text,
    Tier,
    Timezone,
    refusal,
)
from exporter.config.token_source import TokenSource, secret_flaw, token_flaw

T = TypeVar("T")

_UNAUTHENTICATED = (
    "no token is given; set gitlab.token, gitlab.token_file"
    " or the environment variable GITLAB_TOKEN"
)
_NO_SCOPE = "neither projects nor groups are given; list at least one, for example groups: [group]"


def _some(values: tuple[T, ...]) -> tuple[T, ...]:
    if not values:
        raise refusal("an empty list would expose nothing; leave the key out for all")
    return tuple(dict.fromkeys(values))


class Section(BaseModel):
    """A mapping of keys: unknown ones are refused, and a key without a value has its default."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_means_default(cls, data: object) -> object:
        if not isinstance(data, dict):
            return data
        return {
            key: value
            for key, value in data.items()
            if value is not None or key not in cls.model_fields
        }


class RequestLimits(TypedDict):
    """Requests a second, and the share of GitLab's own limit that is left to others."""

    requests_per_second: float
    reserve: float


class GitlabSettings(Section):
    """How to reach GitLab."""

    url: HttpUrl = "https://gitlab.com"
    # Before `token`, whose validator looks at it.
    token_file: ExistingFile | None = None
    token: SecretStr | None = Field(default=None, validate_default=True)
    ca_file: ExistingFile | None = None
    ssl_verify: Boolean = True
    timeout: PositiveDuration = Duration.parse("30s")
    max_requests_per_second: Rate = 10.0
    rate_limit_reserve: Share = 0.1
    concurrency: Count = 8

    @field_validator("token_file")
    @classmethod
    def _holds_a_token(cls, path: ExistingFile | None) -> ExistingFile | None:
        if path is not None:
            try:
                TokenSource(token_file=path).current()
            except TokenError as error:
                raise refusal(str(error).removeprefix("gitlab.token_file: ")) from None
        return path

    @field_validator("token", mode="before")
    @classmethod
    def _one_token(cls, token: object, info: ValidationInfo) -> object:
        # A `token_file` that was refused is not in `info.data`, and has been reported already.
        other = info.data.get("token_file", ...)
        if token is None:
            if other is None:
                raise refusal(_UNAUTHENTICATED)
            return None
        if other is not None:
            raise refusal("given together with gitlab.token_file; keep one of the two")
        if not isinstance(token, str | SecretStr):
            raise refusal("the token must be text; put quotes around it")
        text = token.get_secret_value() if isinstance(token, SecretStr) else token
        if flaw := token_flaw(text):
            raise refusal(flaw)
        return token

    @property
    def verification(self) -> bool | str:
        """Whether certificates are checked, or the file that tells by whom they may be signed."""
        if self.ca_file is not None and self.ssl_verify:
            return str(self.ca_file)
        return self.ssl_verify

    @property
    def limits(self) -> RequestLimits:
        """What whoever asks GitLab with this token spends at most."""
        return {
            "requests_per_second": self.max_requests_per_second,
            "reserve": self.rate_limit_reserve,
        }

    def token_source(self) -> TokenSource:
        """A source of the token that follows ``token_file`` when that is what was given."""
        if self.token_file is not None:
            return TokenSource(token_file=self.token_file)
        return TokenSource(token=self.token.get_secret_value() if self.token else "")


class GroupScope(Section):
    """One group whose projects are polled; a bare path or id stands for its ``path``."""

    path: GroupReference
    include_subgroups: Boolean = True
    archived: Boolean = False

    @model_validator(mode="before")
    @classmethod
    def _bare_path(cls, data: object) -> object:
        return {"path": data} if isinstance(data, str | int) else data


class PollSettings(Section):
    """When to ask GitLab, and how far back."""

    interval: PositiveDuration = Duration.parse("5m")
    freshness: PositiveDuration | None = None
    discovery_interval: PositiveDuration = Duration.parse("1h")
    reconcile_interval: PositiveDuration = Duration.parse("6h")
    history: PositiveDuration = Duration.parse("95d")
    retention: PositiveDuration = Duration.parse("400d")


class TierOverride(Section):
    """Environments whose name matches get this tier, whatever GitLab says."""

    match: Regex
    tier: Tier


class EnvironmentSettings(Section):
    """How environments are read."""

    tier_overrides: tuple[TierOverride, ...] = ()


class LeadTimeSettings(Section):
    """Which merge requests count for the lead time, and how."""

    target_branches: tuple[Text, ...] = ()
    exclude_authors: tuple[Text, ...] = ()
    aggregation: Literal["merge_requests", "daily_medians"] = "merge_requests"
    first_deployment: Literal["exclude", "include"] = "exclude"
    missing_links: Literal["leave", "compare"] = "leave"


Level = Literal["project", "group"]
"""Of what there are metrics."""


class MetricsSettings(Section):
    """Which series are exposed; the windows stand at the top level."""

    levels: Annotated[tuple[Level, ...], AfterValidator(_some)] = (
        "project",
        "group",
    )
    tiers: Annotated[tuple[Tier, ...], AfterValidator(_some)] = get_args(Tier)
    percentiles: Annotated[tuple[Percentile, ...], AfterValidator(_some)] = (50, 75, 95)
    max_series: Count = 500_000


_HOOK_KEY = "webhook.secret_file"


def _secret_file(path: ExistingFile) -> TokenSource:
    return TokenSource(token_file=path, key=_HOOK_KEY, flaw=secret_flaw)


class WebhookSettings(Section):
    """GitLab's deployment events; without a secret there is no such path."""

    # Before `secret`, whose validator looks at it.
    secret_file: ExistingFile | None = None
    secret: SecretStr | None = None
    spacing: PositiveDuration = Duration.parse("3m")

    @field_validator("secret_file")
    @classmethod
    def _holds_a_secret(cls, path: ExistingFile | None) -> ExistingFile | None:
        if path is not None:
            try:
                _secret_file(path).current()
            except TokenError as error:
                raise refusal(str(error).removeprefix(f"{_HOOK_KEY}: ")) from None
        return path

    @field_validator("secret", mode="before")
    @classmethod
    def _one_secret(cls, secret: object, info: ValidationInfo) -> object:
        if secret is None:
            return None
        if info.data.get("secret_file", ...) is not None:
            raise refusal("given together with webhook.secret_file; keep one of the two")
        if not isinstance(secret, str | SecretStr):
            raise refusal("the secret must be text; put quotes around it")
        text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
        if flaw := secret_flaw(text):
            raise refusal(flaw)
        return secret

    @property
    def enabled(self) -> bool:
        """Whether events are listened for."""
        return self.secret is not None or self.secret_file is not None

    def secret_source(self) -> TokenSource | None:
        """A source of the secret that follows ``secret_file``; None where there is no secret.

        Raises:
            TokenError: When the file went bad since the settings were read.
        """
        if self.secret_file is not None:
            source = _secret_file(self.secret_file)
            source.current()  # so that it is known for redaction before the first event
            return source
        return TokenSource(token=self.secret.get_secret_value()) if self.secret else None


class StoreSettings(Section):
    """Where facts are kept; the URL may hold a password and is left out of ``repr``."""

    url: StoreUrl = "sqlite:///dora.db"

    @property
    def shown_url(self) -> str:
        """The URL without its password, for logs and pages."""
        return make_url(self.url).render_as_string(hide_password=True)


class ApiSettings(Section):
    """GitLab's /dora/metrics API as served here."""

    auth: Literal["gitlab", "none"] = "gitlab"
    payload: Literal["key_value", "date_value"] = "key_value"
    max_range: PositiveDuration = Duration.parse("366d")
    cors_origins: tuple[Text, ...] = ()


class Settings(Section):
    """Everything that can be configured."""

    gitlab: GitlabSettings
    projects: tuple[ProjectReference, ...] = ()
    groups: Annotated[tuple[GroupScope, ...], Field(validate_default=True)] = ()
    exclude: tuple[Regex, ...] = ()
    poll: PollSettings = PollSettings()
    environments: EnvironmentSettings = EnvironmentSettings()
    lead_time: LeadTimeSettings = LeadTimeSettings()
    timezone: Timezone = ZoneInfo("UTC")
    windows: tuple[PositiveDuration, ...] = tuple(map(Duration.parse, ("1d", "7d", "30d", "90d")))
    metrics: MetricsSettings = MetricsSettings()
    webhook: WebhookSettings = WebhookSettings()
    store: StoreSettings = StoreSettings()
    api: ApiSettings = ApiSettings()

    @field_validator("groups")
    @classmethod
    def _something_to_poll(
        cls, groups: tuple[GroupScope, ...], info: ValidationInfo
    ) -> tuple[GroupScope, ...]:
        if not groups and info.data.get("projects") == ():
            raise refusal(_NO_SCOPE)
        return groups

    @field_validator("windows")
    @classmethod
    def _distinct(cls, windows: tuple[Duration, ...]) -> tuple[Duration, ...]:
        if not windows:
            raise refusal("no window is given; write for example [1d, 7d, 30d, 90d]")
        seen: dict[float, Duration] = {}
        for window in windows:
            if other := seen.get(window.seconds):
                raise refusal(f"{other} and {window} are the same length; keep one of them")
            seen[window.seconds] = window
        return windows

    @property
    def effective_freshness(self) -> timedelta:
        """How long a project may go unasked; with webhooks all are asked in reserve only."""
        interval = self.poll.interval.timedelta
        if self.webhook.enabled:
            return max(self.poll.reconcile_interval.timedelta, interval)
        if self.poll.freshness is None:
            return 3 * interval
        return max(self.poll.freshness.timedelta, interval)

    @property
    def effective_retention(self) -> Duration:
        """How long facts are kept: ``poll.retention``, but never less than ``poll.history``."""
        return max(self.poll.retention, self.poll.history, key=lambda each: each.seconds)

    def secrets(self) -> tuple[str, ...]:
        """The secrets written in the configuration itself, for redaction in logs."""
        password = make_url(self.store.url).password
        token = self.gitlab.token.get_secret_value() if self.gitlab.token else None
        secret = self.webhook.secret.get_secret_value() if self.webhook.secret else None
        return tuple(filter(None, (token, password, secret)))

    def warnings(self) -> list[str]:
        """What is allowed but worth a word at start, one line each, naming the key."""
        history, retention = self.poll.history, self.poll.retention
        found = []
        if retention.seconds < history.seconds:
            found.append(
                f"poll.retention: {retention} is shorter than poll.history ({history});"
                f" facts are kept for {self.effective_retention}"
            )
        found += [
            f"windows: {window} is longer than poll.history ({history});"
            " its gauges stay absent until the stored history covers it"
            for window in self.windows
            if window.seconds > history.seconds
        ]
        if self.api.auth == "none":
            found.append("api.auth: none lets everyone who can connect read every polled project")
        if not self.gitlab.ssl_verify:
            found.append("gitlab.ssl_verify: false accepts any certificate")
        return found
