"""The configuration: ``config.yaml`` and the environment, as frozen settings."""

from exporter.config.duration import Duration
from exporter.config.errors import ConfigError, TokenError
from exporter.config.load import load
from exporter.config.models import (
    ApiSettings,
    EnvironmentSettings,
    GitlabSettings,
    GroupScope,
    LeadTimeSettings,
    Level,
    PollSettings,
    Settings,
    StoreSettings,
    TierOverride,
)
from exporter.config.token_source import TokenSource

__all__ = [
    "ApiSettings",
    "ConfigError",
    "Duration",
    "EnvironmentSettings",
    "GitlabSettings",
    "GroupScope",
    "LeadTimeSettings",
    "Level",
    "PollSettings",
    "Settings",
    "StoreSettings",
    "TierOverride",
    "TokenError",
    "TokenSource",
    "load",
]
