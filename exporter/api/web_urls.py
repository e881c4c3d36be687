"""Where GitLab shows what an explanation names."""

from dataclasses import dataclass
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class WebUrls:
    """The pages of one project of a GitLab.

    ``gitlab`` is the URL of GitLab, ``project`` the full path.
    """

    gitlab: str
    project: str

    def environment(self, environment_id: int) -> str:
        """Return the page of an environment, which lists its deployments."""
        return self._page(f"environments/{environment_id}")

    def commit(self, sha: str) -> str:
        """Return the page of a commit."""
        return self._page(f"commit/{quote(sha, safe='')}")

    def merge_request(self, iid: int) -> str:
        """Return the page of a merge request."""
        return self._page(f"merge_requests/{iid}")

    def _page(self, rest: str) -> str:
        return f"{self.gitlab.rstrip('/')}/{quote(self.project)}/-/{rest}"
