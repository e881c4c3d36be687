"""The settings, as the rules that the arithmetic takes."""

from exporter.config import Settings
from exporter.dora.arithmetic import Aggregation, LeadTimeRules
from exporter.dora.facts import Environment
from exporter.dora.tiers import effective_tier


def lead_time_rules(settings: Settings) -> LeadTimeRules:
    """Return which merge requests count, and how."""
    return LeadTimeRules(
        aggregation=Aggregation(settings.lead_time.aggregation),
        include_first=settings.lead_time.first_deployment == "include",
        target_branches=frozenset(settings.lead_time.target_branches),
        excluded_authors=frozenset(settings.lead_time.exclude_authors),
        zone=settings.timezone,
    )


def tier_of(environment: Environment, settings: Settings) -> str:
    """Return the tier that an environment counts for."""
    overrides = ((one.match, one.tier) for one in settings.environments.tier_overrides)
    return effective_tier(environment.name, environment.tier, overrides)
