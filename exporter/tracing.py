"""From what is stored of a deployment to what a number is explained by."""

from exporter.config import Settings
from exporter.dora.tiers import effective_tier
from exporter.explain.facts import TracedDeployment
from exporter.rules import tier_of
from exporter.store import StoredDeployment


def traced(stored: StoredDeployment, settings: Settings) -> TracedDeployment:
    """Add for which tier a deployment counts, and for which it would without any override."""
    environment = stored.environment
    return TracedDeployment(
        id=stored.id,
        iid=stored.iid,
        environment=environment,
        tier=tier_of(environment, settings),
        given_tier=effective_tier(environment.name, environment.tier),
        ref=stored.ref,
        sha=stored.sha,
        finished_at=stored.finished_at,
        finish_source=stored.finish_source,
        first=stored.first,
        links_final=stored.final,
        merge_requests=stored.merge_requests,
    )
