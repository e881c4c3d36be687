"""From a question to what stands behind its answer, read from the store."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from exporter.api.answer import Number, shown
from exporter.api.pages import Page
from exporter.api.parameters import MetricName, Query
from exporter.api.per_view import PerView
from exporter.api.web_urls import WebUrls
from exporter.config import Settings
from exporter.dora.calendar import Bucket, buckets, day_of
from exporter.dora.facts import Group, Project
from exporter.explain.facts import Part, TracedDeployment
from exporter.explain.parts import Question, parts_of
from exporter.explain.totals import Totals, totals_of
from exporter.instant import iso
from exporter.ledger import View
from exporter.store import ProvenanceStore
from exporter.tracing import traced

Json = dict[str, object]

KEPT = 20_000
"""Parts and buckets that are kept of all explanations together: some 10 MB."""


@dataclass(frozen=True, slots=True)
class _Explanation:
    """All parts of the numbers that answer a question, and the totals of each bucket as JSON."""

    parts: Sequence[Part]
    periods: Sequence[Bucket]
    buckets: Sequence[Json]


@dataclass(frozen=True, slots=True)
class Explainer:
    """Explains numbers of projects and groups, by what is stored of them.

    What was read last is kept until the numbers change, for the pages that follow.
    """

    store: ProvenanceStore
    settings: Settings
    kept: PerView[_Explanation]

    @classmethod
    def over(cls, store: ProvenanceStore, settings: Settings) -> "Explainer":
        """Return what explains the numbers of a store."""
        return cls(store, settings, PerView(KEPT, lambda one: len(one.parts) + len(one.periods)))

    def explain(
        self, view: View, container: Project | Group, query: Query, page: Page
    ) -> tuple[Json, int]:
        """Explain the numbers that answer a question.

        Args:
            view: tells how far the history of each project is known.
            container: whose numbers.
            query: the question.
            page: which parts are shown. The totals of each bucket are of all parts.

        Returns:
            The answer, and how many parts there are in all.
        """
        # In what form numbers are answered makes no difference here.
        asked = replace(query, payload="key_value")
        found = self.kept.get(view, container, asked, lambda: self._read(view, container, query))
        paths = {one.id: one.path for one in view.projects_of(container)}
        return {
            "metric": query.metric,
            "start_date": query.start.isoformat(),
            "end_date": query.end.isoformat(),
            "interval": query.interval,
            "environment_tiers": list(dict.fromkeys(query.tiers)),
            "authors": query.authors,
            "aggregation": view.rules.aggregation,
            "timezone": self.settings.timezone.key,
            "buckets": found.buckets,
            "parts": [
                self._part(one, found.periods[one.bucket], paths) for one in page.of(found.parts)
            ],
        }, len(found.parts)

    def _read(self, view: View, container: Project | Group, query: Query) -> _Explanation:
        projects = view.projects_of(container)
        periods = buckets(query.start, query.end, query.interval, view.rules.zone)
        question = Question(
            lead_times=query.metric is MetricName.LEAD_TIME_FOR_CHANGES,
            tiers=query.tiers,
            buckets=periods,
            # There is nothing to know of a group without projects.
            covered_since=view.covered_since(container) if projects else periods[0].begins,
            known_to={one.id: one.polled_at for one in projects},
            rules=replace(view.rules, authors=query.authors),
        )
        stored = self.store.deployments(
            [one.id for one in projects],
            periods[0].begins,
            periods[-1].ends,
            with_merge_requests=question.lead_times,
        )
        parts = parts_of(question, (traced(one, self.settings) for one in stored))
        totals = zip(periods, totals_of(question, parts), strict=True)
        return _Explanation(parts, periods, [_bucket(period, one) for period, one in totals])

    def _part(self, part: Part, bucket: Bucket, paths: dict[int, str]) -> Json:
        path = paths[part.deployment.environment.project_id]
        urls = WebUrls(self.settings.gitlab.url, path)
        change = part.merge_request
        return {
            "bucket": bucket.day.isoformat(),
            "counted": part.reason is None,
            "reason": part.reason,
            "marks": list(part.marks),
            "lead_time": shown(part.lead_time),
            "deployment": self._deployment(part.deployment, path, urls),
            "merge_request": None
            if change is None
            else {
                "iid": change.iid,
                "merged_at": None if change.merged_at is None else iso(change.merged_at),
                "target_branch": change.target_branch,
                "author": change.author,
                "found_by": change.found_by,
                "web_url": urls.merge_request(change.iid),
            },
        }

    def _deployment(self, one: TracedDeployment, path: str, urls: WebUrls) -> Json:
        return {
            "id": one.id,
            "iid": one.iid,
            "project_id": one.environment.project_id,
            "project": path,
            "environment_id": one.environment.id,
            "environment": one.environment.name,
            "environment_tier": one.tier,
            "gitlab_tier": one.given_tier,
            "ref": one.ref,
            "sha": one.sha,
            "day": day_of(one.finished_at, self.settings.timezone).isoformat(),
            "finished_at": iso(one.finished_at),
            "finish_source": one.finish_source,
            "first": one.first,
            "web_url": urls.environment(one.environment.id),
            "commit_url": urls.commit(one.sha),
        }


def _bucket(period: Bucket, totals: Totals) -> Json:
    value: Number = shown(totals.value)
    return {
        "date": period.day.isoformat(),
        "begins_at": iso(period.begins),
        "ends_at": iso(period.ends),
        "value": value,
        "counted": totals.counted,
        "deployments": totals.deployments,
        "merge_requests": totals.merge_requests,
        "left_out": dict(totals.left_out),
        "marked": dict(totals.marked),
    }
