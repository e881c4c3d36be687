"""Checks of environments: for which tier they count, and what their names suggest."""

from exporter.config import Settings
from exporter.doctor.finding import Finding
from exporter.doctor.kinds import Kind
from exporter.doctor.names import suggested
from exporter.doctor.seen import PRODUCTION, Seen
from exporter.dora.facts import Environment
from exporter.dora.tiers import guess_tier, letters_of_guess
from exporter.instant import Instant, microseconds


def check_environments(seen: Seen, settings: Settings, now: Instant) -> list[Finding]:
    """Look at a project's environments."""
    path = seen.facts.path
    if not seen.environments:
        what = "it has no environment, so no deployment"
        return [Finding.of(Kind.NO_ENVIRONMENTS, path, what, mild=not seen.listed)]
    found = [
        *(one for each in seen.environments for one in _check_tier(seen, each, settings, now)),
        *_check_several(seen, settings, now),
    ]
    if all(one.tier is None for one in seen.environments):
        found.append(Finding.of(Kind.TIERS_UNTOLD, path, "GitLab tells no tier of environments"))
    if not any(one.kind is Kind.PRODUCTION_MISSED for one in found):
        found += _check_production(seen)
    return found


def _check_tier(seen: Seen, one: Environment, settings: Settings, now: Instant) -> list[Finding]:
    tier, meant = seen.tiers[one.id], suggested(one.name)
    if meant is None or meant == tier or _is_meant(one, settings):
        return []
    subject = f"{seen.facts.path} environment {one.name}"
    what = f"it counts as {tier}, {_why(one, tier, settings)}"
    if PRODUCTION in {meant, tier}:
        kind = Kind.PRODUCTION_MISSED if meant == PRODUCTION else Kind.COUNTED_AS_PRODUCTION
        lately = _is_deployed_to(seen, one, settings, now)
        what = what if lately else f"{what}; no number counts it yet, as far as was seen"
        return [Finding.of(kind, subject, what, mild=not lately)]
    if tier == "other":  # so does GitLab with names that say nothing to it
        return []
    return [Finding.of(Kind.TIER_DISAGREES, subject, f"{what}, and its name suggests {meant}")]


def _is_deployed_to(seen: Seen, one: Environment, settings: Settings, now: Instant) -> bool:
    """Whether what is read at first has a deployment to it."""
    last = seen.last.get(one.id)
    return last is not None and last >= now - microseconds(settings.poll.history.timedelta)


def _is_meant(one: Environment, settings: Settings) -> bool:
    """Whether a rule names this environment alone: whoever wrote it knows the name."""
    overrides = settings.environments.tier_overrides
    deciding = next((each.match for each in overrides if each.match.search(one.name)), None)
    return deciding is not None and deciding.fullmatch(one.name) is not None


def _why(one: Environment, tier: str, settings: Settings) -> str:
    for override in settings.environments.tier_overrides:
        if override.match.search(one.name):
            return f"by the rule {override.match.pattern!r} of environments.tier_overrides"
    letters = letters_of_guess(one.name)
    if guess_tier(one.name) != tier:
        return "as set in GitLab, by hand or by `deployment_tier`"
    if not letters:
        return "as GitLab guesses from a name without a word that it knows"
    return f"as GitLab guesses from the letters {letters!r} in its name"


def _check_several(seen: Seen, settings: Settings, now: Instant) -> list[Finding]:
    """Look for several environments of production, as far as they are deployed to."""
    names = sorted(
        one.name
        for one in seen.environments
        if seen.tiers[one.id] == PRODUCTION
        and _is_deployed_to(seen, one, settings, now)
        and not _check_tier(seen, one, settings, now)
    )
    if len(names) < 2:
        return []
    shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    what = f"{len(names)} environments that are deployed to count as production: {shown}"
    return [Finding.of(Kind.SEVERAL_PRODUCTION, seen.facts.path, what)]


def _check_production(seen: Seen) -> list[Finding]:
    path = seen.facts.path
    names = sorted(one.name for one in seen.environments if seen.tiers[one.id] == PRODUCTION)
    if names:
        if seen.production or not seen.successes or not seen.whole:
            return []
        what = f"{names[0]} has no successful deployment, others have"
        return [Finding.of(Kind.PRODUCTION_NOT_DEPLOYED, path, what, mild=not seen.listed)]
    if not seen.whole:
        return []
    if all("/" in one.name and seen.tiers[one.id] == "development" for one in seen.environments):
        what = "all its environments are review apps"
        return [Finding.of(Kind.ONLY_REVIEW, path, what, mild=not seen.listed)]
    counted = sorted({f"{one.name} ({seen.tiers[one.id]})" for one in seen.environments})
    shown = ", ".join(counted[:5]) + (", ..." if len(counted) > 5 else "")
    what = f"no environment counts as production: {shown}"
    return [Finding.of(Kind.NO_PRODUCTION, path, what, mild=not seen.listed)]
