import pytest

from exporter.gitlab import errors


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, errors.InvalidError),
        (401, errors.UnauthorizedError),
        (403, errors.ForbiddenError),
        (404, errors.NotFoundError),
        (405, errors.InvalidError),
        (408, errors.UnavailableError),
        (409, errors.RefusedError),
        (422, errors.InvalidError),
        (429, errors.RateLimitedError),
        (500, errors.UnavailableError),
        (501, errors.InvalidError),
        (503, errors.UnavailableError),
        (520, errors.UnavailableError),
    ],
)
def test_status_decides_the_error(status: int, error: type[errors.GitLabError]) -> None:
    assert errors.refusal(status) is error


def test_each_error_has_a_kind_of_its_own() -> None:
    waiting: list[type[errors.GitLabError]] = [errors.GitLabError]
    kinds = []
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.__module__ == errors.__name__:
            kinds.append(error.kind)
    assert len(kinds) == 12
    assert len(set(kinds)) == len(kinds)
