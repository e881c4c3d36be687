import pytest

from exporter.dora.facts import Group, Project


@pytest.mark.parametrize(
    ("path", "group"), [("top/app", "top"), ("top/sub/app", "top/sub"), ("app", "")]
)
def test_the_group_of_a_project_is_its_namespace(path: str, group: str) -> None:
    assert Project(1, path).group == group


@pytest.mark.parametrize(("path", "level"), [("top", 0), ("top/sub", 1), ("top/sub/deep", 2)])
def test_the_level_counts_the_groups_above(path: str, level: int) -> None:
    assert Group(1, path).level == level


@pytest.mark.parametrize(
    ("group", "project", "held"),
    [
        ("top", "top/app", True),
        ("top", "top/sub/app", True),
        ("Top", "top/app", True),
        ("top", "TOP/app", True),
        ("top", "topmost/app", False),
        ("top/sub", "top/app", False),
        ("top", "other/top/app", False),
        ("a_b", "axb/app", False),
    ],
)
def test_a_group_holds_what_lies_below_it(group: str, project: str, held: bool) -> None:
    assert Group(1, group).holds(Project(2, project)) is held
