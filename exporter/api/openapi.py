"""The OpenAPI document of the web surface, served at ``/openapi.json``."""

from typing import Any

from exporter import __version__
from exporter.api.explain_schema import explanation_schemas, page_headers, page_parameters
from exporter.api.parameters import PAYLOADS, MetricName
from exporter.api.reply import DATA_SINCE, POLLED_AT
from exporter.config import Settings
from exporter.dora.arithmetic import Authors
from exporter.dora.calendar import Interval
from exporter.dora.tiers import TIERS

Json = dict[str, Any]

_TAG_API = "DORA metrics"
_TAG_OPERATION = "Operation"


def openapi_document(settings: Settings) -> Json:
    """Return the document, as it is true for these settings."""
    paths: Json = {}
    for page in ("metrics", "explain"):
        for prefix in ("/api/v4", ""):
            for kind in ("project", "group"):
                paths[f"{prefix}/{kind}s/{{{kind}}}/dora/{page}"] = {
                    "get": _operation(settings, page, kind, prefix, [_container(kind)])
                }
        chosen = [_chosen("project"), _chosen("group")]
        paths[f"/dora/{page}"] = {"get": _operation(settings, page, "project or group", "", chosen)}
    paths |= _operation_paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GitLab DORA exporter",
            "version": __version__,
            "description": (
                "Deployment frequency and lead time for changes, as GitLab's DORA API of 13.10 "
                "and later answers them, computed from deployments and merge requests."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "tags": [{"name": _TAG_API}, {"name": _TAG_OPERATION}],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "responses": _responses(),
            "securitySchemes": {
                "privateToken": {"type": "apiKey", "in": "header", "name": "PRIVATE-TOKEN"},
                "bearer": {"type": "http", "scheme": "bearer"},
                "parameter": {"type": "apiKey", "in": "query", "name": "private_token"},
            },
        },
    }


def _operation(settings: Settings, page: str, kind: str, prefix: str, named: list[Json]) -> Json:
    checked = settings.api.auth != "none"
    explains = page == "explain"
    words = [prefix.strip("/").replace("/", "_"), "dora", *kind.split()]
    schema = {"$ref": f"#/components/schemas/{'Explanation' if explains else 'Answer'}"}
    numbers = (
        "The numbers: an array of buckets, oldest first, or for the interval all one bare number "
        "or null."
    )
    parts = (
        "Every bucket with its totals, and a page of the deployments and merge requests that "
        "count or are left out."
    )
    document: Json = {
        "tags": [_TAG_API],
        "operationId": "_".join(filter(None, [*words, "explain" if explains else ""])),
        "summary": f"{'What is behind the' if explains else ''} DORA metrics of a {kind}".strip(),
        "parameters": [
            *named,
            *_parameters(settings),
            *(page_parameters() if explains else ()),
        ],
        "responses": {
            "200": {
                "description": parts if explains else numbers,
                "headers": _headers() | (page_headers() if explains else {}),
                "content": {"application/json": {"schema": schema}},
            },
            "304": {"description": "The caller has the answer already (If-None-Match)."},
            "400": {"$ref": "#/components/responses/BadRequest"},
            "404": {"$ref": "#/components/responses/NotFound"},
        },
    }
    if checked:
        document["security"] = [{"privateToken": []}, {"bearer": []}, {"parameter": []}]
        document["responses"] |= {
            "401": {"$ref": "#/components/responses/Unauthorized"},
            "403": {"$ref": "#/components/responses/Forbidden"},
            "503": {"$ref": "#/components/responses/Unavailable"},
        }
    return document


def _container(kind: str) -> Json:
    return {
        "name": kind,
        "in": "path",
        "required": True,
        "description": f"Id or URL-encoded full path of the {kind}; letter case does not matter.",
        "schema": {"type": "string", "minLength": 1},
        "examples": {"id": {"value": "1"}, "path": {"value": "acme%2Fshop"}},
    }


def _chosen(kind: str) -> Json:
    return {
        "name": kind,
        "in": "query",
        "required": False,
        "description": f"Id or full path of a {kind}; exactly one of project and group is needed.",
        "schema": {"type": "string"},
    }


def _parameters(settings: Settings) -> list[Json]:
    days = settings.api.max_range.timedelta.days

    def query(name: str, description: str, schema: Json, *, required: bool = False) -> Json:
        return {
            "name": name,
            "in": "query",
            "required": required,
            "description": description,
            "schema": schema,
        }

    tier = {"type": "string", "enum": list(TIERS)}
    day: Json = {
        "anyOf": [
            {"type": "string", "format": "date"},
            {"type": "string", "format": "date-time", "description": "Its time does not matter."},
            {"type": "string", "maxLength": 0, "description": "As if it were not given."},
        ]
    }
    return [
        query(
            "metric",
            "The metric.",
            {"type": "string", "enum": [one.value for one in MetricName]},
            required=True,
        ),
        query(
            "start_date",
            f"First day, 3 months ago where not given; at most {days} days before the last.",
            day,
        ),
        query(
            "end_date",
            f"Last day, included; today in {settings.timezone.key} where not given.",
            day,
        ),
        query(
            "interval",
            "The buckets.",
            {"type": "string", "enum": [one.value for one in Interval], "default": "daily"},
        ),
        query("environment_tier", "The environment tier.", {**tier, "default": "production"}),
        {
            **query(
                "environment_tiers[]",
                "Several environment tiers, taken together; overrides environment_tier.",
                {"type": "array", "items": tier},
            ),
            "style": "form",
            "explode": True,
        },
        query(
            "payload",
            "The form of a bucket.",
            {"type": "string", "enum": list(PAYLOADS), "default": settings.api.payload},
        ),
        query(
            "authors",
            "Whose merge requests a lead time is of; bots are those of lead_time.exclude_authors.",
            {
                "type": "string",
                "enum": [one.value for one in Authors],
                "default": Authors.PEOPLE.value,
            },
        ),
    ]


def _headers() -> Json:
    return {
        "ETag": {"schema": {"type": "string"}},
        "Cache-Control": {"schema": {"type": "string"}},
        DATA_SINCE: {
            "description": "Where the stored history begins; buckets before it are null.",
            "schema": {"type": "string", "format": "date-time"},
        },
        POLLED_AT: {
            "description": "Up to where everything is known: the last poll that succeeded.",
            "schema": {"type": "string", "format": "date-time"},
        },
    }


def _schemas() -> Json:
    number: Json = {"type": ["number", "null"], "minimum": 0}

    def buckets(schema: str) -> Json:
        reference = {"$ref": f"#/components/schemas/{schema}"}
        return {"type": "array", "minItems": 1, "items": reference}

    return {
        "Answer": {
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "null"},
                buckets("KeyValueBucket"),
                buckets("DateValueBucket"),
            ]
        },
        "KeyValueBucket": {
            "type": "object",
            "description": "payload=key_value: the bucket's day is the only key.",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": number,
            "examples": [{"2021-03-01": 3}],
        },
        "DateValueBucket": {
            "type": "object",
            "description": "payload=date_value.",
            "required": ["date", "value"],
            "additionalProperties": False,
            "properties": {"date": {"type": "string", "format": "date"}, "value": number},
            "examples": [{"date": "2021-03-01", "value": 3}],
        },
        **explanation_schemas(),
        "Refusal": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {"type": "string"},
        },
    }


def _responses() -> Json:
    def refusal(description: str, example: Json) -> Json:
        return {
            "description": description,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Refusal"},
                    "example": example,
                }
            },
        }

    return {
        "BadRequest": refusal(
            "A parameter is missing, cannot be read, or makes no sense.",
            {"error": "metric is missing"},
        ),
        "Unauthorized": refusal(
            "No token, a token that GitLab does not accept, or a role below Reporter.",
            {"message": "401 Unauthorized"},
        ),
        "Forbidden": refusal(
            "GitLab forbids the caller everything, such as a blocked user or a narrow scope.",
            {"message": "403 Forbidden"},
        ),
        "NotFound": refusal(
            "It is not in scope, or GitLab would not show it to the caller.",
            {"message": "404 Project Not Found"},
        ),
        "Unavailable": refusal(
            "GitLab cannot be asked about the caller.",
            {"message": "503 Service Unavailable: GitLab cannot be asked about the caller"},
        ),
    }


def _operation_paths() -> Json:
    def page(summary: str, media: str, *, not_ready: bool = False) -> Json:
        responses: Json = {
            "200": {"description": summary, "content": {media: {"schema": {"type": "string"}}}}
        }
        if not_ready:
            responses["503"] = {
                "description": "The first poll is not complete.",
                "content": {media: {"schema": {"type": "string"}}},
            }
        return {"get": {"tags": [_TAG_OPERATION], "summary": summary, "responses": responses}}

    return {
        "/": page("Landing page", "text/html"),
        "/metrics": {
            "get": {
                "tags": [_TAG_OPERATION],
                "summary": "Metrics for Prometheus",
                "parameters": [
                    {
                        "name": "name[]",
                        "in": "query",
                        "required": False,
                        "description": "Only these samples.",
                        "schema": {"type": "array", "items": {"type": "string"}},
                        "style": "form",
                        "explode": True,
                    }
                ],
                "responses": {
                    "200": {
                        "description": "Prometheus text format or OpenMetrics, by Accept",
                        "content": {
                            "text/plain": {"schema": {"type": "string"}},
                            "application/openmetrics-text": {"schema": {"type": "string"}},
                        },
                    }
                },
            }
        },
        "/-/healthy": page("The exporter answers", "text/plain"),
        "/-/ready": page("A complete poll is stored", "text/plain", not_ready=True),
        "/openapi.json": {
            "get": {
                "tags": [_TAG_OPERATION],
                "summary": "This document",
                "responses": {
                    "200": {
                        "description": "OpenAPI 3.1",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    }
                },
            }
        },
    }
