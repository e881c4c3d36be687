"""Explanations in the OpenAPI document: their parameters, headers and shape."""

from typing import Any

from exporter.api.pages import HEADERS, LARGEST, MOST, USUAL
from exporter.dora.arithmetic import Aggregation, Authors
from exporter.dora.facts import LinkMethod
from exporter.dora.tiers import TIERS
from exporter.explain.facts import Mark, Reason

Json = dict[str, Any]


def page_parameters() -> list[Json]:
    """Return the parameters that choose a page."""

    def query(name: str, description: str, default: int) -> Json:
        number = {"type": "integer", "minimum": 1, "maximum": LARGEST, "default": default}
        return {
            "name": name,
            "in": "query",
            "required": False,
            "description": description,
            "schema": number,
        }

    return [
        query("page", "The page of the parts, from 1.", 1),
        query("per_page", f"Parts in a page; more than {MOST} are {MOST}.", USUAL),
    ]


def page_headers() -> Json:
    """Return the headers that tell of the pages."""
    described = {name: {"schema": {"type": "string"}} for name in HEADERS}
    link = {"description": "The other pages, relative.", "schema": {"type": "string"}}
    return {**described, "Link": link}


def explanation_schemas() -> Json:
    """Return the schemas of an explanation."""
    many = {"type": "integer", "minimum": 0}
    number = {"type": ["number", "null"], "minimum": 0}
    moment = {"type": "string", "format": "date-time"}
    day = {"type": "string", "format": "date"}
    text = {"type": "string"}
    return {
        "Explanation": _object(
            metric=text,
            start_date=day,
            end_date=day,
            interval=text,
            environment_tiers={"type": "array", "items": _one_of(TIERS)},
            authors=_one_of(Authors),
            aggregation=_one_of(Aggregation),
            timezone=text,
            buckets=_list("ExplainedBucket"),
            parts=_list("Part"),
        ),
        "ExplainedBucket": _object(
            date=day,
            begins_at=moment,
            ends_at=moment,
            value={**number, "description": "What /dora/metrics answers."},
            counted={**many, "description": "Parts that count."},
            deployments={**many, "description": "Different deployments among them."},
            merge_requests={**many, "description": "Different merge requests among them."},
            left_out=_counts(Reason, many),
            marked=_counts(Mark, many),
        ),
        "Part": _object(
            bucket=day,
            counted={"type": "boolean"},
            reason={"enum": [*(one.value for one in Reason), None]},
            marks={"type": "array", "items": _one_of(Mark)},
            lead_time={**number, "description": "Seconds."},
            deployment=_reference("DeploymentPart"),
            merge_request={"anyOf": [_reference("MergeRequestPart"), {"type": "null"}]},
        ),
        "DeploymentPart": _object(
            id=many,
            iid=many,
            project_id=many,
            project=text,
            environment_id=many,
            environment=text,
            environment_tier=_one_of(TIERS),
            gitlab_tier=_one_of(TIERS),
            ref=text,
            sha=text,
            day=day,
            finished_at=moment,
            finish_source=text,
            first={"type": "boolean"},
            web_url=text,
            commit_url=text,
        ),
        "MergeRequestPart": _object(
            iid=many,
            merged_at={"anyOf": [moment, {"type": "null"}]},
            target_branch=text,
            author=text,
            found_by=_one_of(LinkMethod),
            web_url=text,
        ),
    }


def _object(**properties: Json) -> Json:
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


def _counts(names: type[Reason] | type[Mark], many: Json) -> Json:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {one.value: many for one in names},
    }


def _one_of(values: Any) -> Json:
    return {"type": "string", "enum": [str(one) for one in values]}


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _list(schema: str) -> Json:
    return {"type": "array", "items": _reference(schema)}
