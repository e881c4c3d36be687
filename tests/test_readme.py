"""The README's commands, configurations and questions are good ones."""

import re
import subprocess
from pathlib import Path

from exporter.config import load
from tests.tools import require

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks in a language, without the indentation of lists."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", README, re.MULTILINE | re.DOTALL)
    return [re.sub(rf"^{indent}", "", text, flags=re.MULTILINE) for indent, text in found]


def test_ci_runs_the_tests_as_the_readme_says() -> None:
    (command,) = [one for one in blocks("shell") if "pytest" in one]
    tests = command.rpartition("&& ")[2].strip()
    assert f"stage 'tests' {tests}\n" in (ROOT / ".ci/run").read_text()


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    example = tmp_path / "config.yaml"
    example.write_text(next(one for one in blocks("yaml") if "groups:" in one))
    settings = load(example, {"GITLAB_TOKEN": "glpat-Zq7TokenOfTheTests"})
    assert settings.warnings() == []
    assert settings.groups
    assert settings.projects


def test_prometheus_takes_the_scrape_configuration(tmp_path: Path) -> None:
    example = tmp_path / "prometheus.yml"
    example.write_text(next(one for one in blocks("yaml") if "scrape_configs:" in one))
    done = subprocess.run([require("promtool"), "check", "config", example], check=False)
    assert done.returncode == 0


def test_prometheus_takes_the_questions(tmp_path: Path) -> None:
    (text,) = blocks("promql")
    rules = "groups:\n- name: questions\n  rules:\n"
    for number, question in enumerate(text.strip().split("\n\n")):
        lines = [line.strip() for line in question.splitlines() if not line.startswith("#")]
        rules += f"  - record: question:{number}\n    expr: '{' '.join(lines)}'\n"
    (tmp_path / "rules.yml").write_text(rules)
    done = subprocess.run(
        [require("promtool"), "check", "rules", tmp_path / "rules.yml"], check=False
    )
    assert done.returncode == 0


def test_links_to_files_lead_to_files() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert links
    assert [one for one in links if not (ROOT / one).exists()] == []
