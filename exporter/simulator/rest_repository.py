"""REST: the repository of a project."""

from typing import Any

from exporter.simulator.call import Answer, Call
from exporter.simulator.commits import between
from exporter.simulator.errors import bad_parameter, refusal
from exporter.simulator.lookup import reported_project
from exporter.simulator.records import Commit
from exporter.simulator.times import rest_time


def compare(call: Call) -> Answer:
    """Answer `GET /projects/:id/repository/compare`; commits are known by their full SHA only."""
    missing = [f"{name} is missing" for name in ("from", "to") if name not in call.query]
    if missing:
        raise bad_parameter(", ".join(missing))
    call.flag("straight", default=False)
    project = reported_project(call)
    start, end = call.query["from"], call.query["to"]
    if not {start, end} <= project.commits.keys():
        raise refusal(404, "Ref")
    commits = [_commit(one) for one in reversed(between(project, start, end))]
    return Answer(
        {
            "commit": _commit(project.commits[end]) if start != end else None,
            "commits": commits,
            "diffs": [],
            "compare_timeout": False,
            "compare_same_ref": start == end,
            "web_url": f"{call.base_url}/{project.path}/-/compare/{start}...{end}",
        }
    )


def _commit(commit: Commit) -> dict[str, Any]:
    at = rest_time(commit.committed_at)
    return {
        "id": commit.sha,
        "short_id": commit.sha[:8],
        "created_at": at,
        "parent_ids": list(commit.parents),
        "title": "Change",
        "message": "Change",
        "author_name": "Dev",
        "author_email": "dev@example.com",
        "authored_date": at,
        "committer_name": "Dev",
        "committer_email": "dev@example.com",
        "committed_date": at,
    }
