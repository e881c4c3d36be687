"""The landing page: where to go from here, what is polled, and when it last was."""

from html import escape

from exporter import __version__
from exporter.config import Settings
from exporter.instant import to_datetime
from exporter.metrics.snapshot import Snapshot
from exporter.webhook import PATH

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>GitLab DORA exporter</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 0; color: #1f1e24; background: #fff }}
header {{ background: #e6522c; color: #fff; padding: 1rem 2rem }}
header h1 {{ font-size: 1.4rem; margin: 0 }}
main {{ padding: 1rem 2rem; max-width: 60rem }}
dt {{ font-weight: 600 }}
dd {{ margin: 0 0 .5rem }}
@media (prefers-color-scheme: dark) {{ body {{ color: #ececef; background: #18171d }}
a {{ color: #63a6e9 }} }}
</style>
</head>
<body>
<header><h1>GitLab DORA exporter</h1></header>
<main>
<p>Deployment frequency and lead time for changes of the projects and groups of a GitLab.</p>
<dl>
<dt>Version</dt><dd>{version}</dd>
<dt>GitLab</dt><dd>{gitlab}</dd>
<dt>Polled</dt><dd>{projects} projects and {groups} groups, every {interval}</dd>
<dt>Last complete poll</dt><dd>{polled}</dd>
<dt>Deployment events</dt><dd>{events}</dd>
</dl>
<ul>
<li><a href="metrics">Metrics</a> for Prometheus</li>
<li><code>/api/v4/projects/:id/dora/metrics</code> and <code>/api/v4/groups/:id/dora/metrics</code>,
as GitLab documents them; with <code>explain</code> for <code>metrics</code>, what is behind the
numbers; <a href="openapi.json">OpenAPI document</a></li>
<li><a href="-/ready">Ready</a>: is the first poll complete?</li>
<li><a href="-/healthy">Healthy</a>: does the exporter answer?</li>
</ul>
</main>
</body>
</html>
"""


def landing_page(settings: Settings, snapshot: Snapshot) -> str:
    """Return the page. It names no project: whoever connects may read it."""
    polled_at = snapshot.polled_at
    return _PAGE.format(
        version=escape(__version__),
        gitlab=escape(settings.gitlab.url),
        projects=len(snapshot.projects),
        groups=len(snapshot.groups),
        interval=escape(settings.poll.interval.text),
        events=f"listened for at {PATH}" if settings.webhook.enabled else "not listened for",
        polled="none yet"
        if polled_at is None
        else f"{to_datetime(polled_at):%Y-%m-%d %H:%M:%S} UTC",
    )
