"""The first tables: projects, environments, deployments, merge requests and their links."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "state",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
        comment="what the exporter notes about itself: last poll, last discovery and its scope",
    )
    op.create_table(
        "groups",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("path", sa.Text, nullable=False),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("cursor", sa.BigInteger, comment="finish time from which the next poll asks"),
        sa.Column("covered_since", sa.BigInteger),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("polled_at", sa.BigInteger),
        sa.Column("environments_read_at", sa.BigInteger),
    )
    op.create_table(
        "members",
        sa.Column("source", sa.Text, primary_key=True, comment="the entry of the configuration"),
        sa.Column("kind", sa.Text, primary_key=True, comment="project, group, or the entry itself"),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "environments",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.BigInteger, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("tier", sa.Text, comment="as GitLab answered it, null on instances that do not"),
        sa.Column("listed", sa.Boolean, nullable=False, comment="false once it was deleted"),
        sa.Column("oldest_deployment_id", sa.BigInteger),
    )
    op.create_index("ix_environments_project_id", "environments", ["project_id"])
    op.create_table(
        "deployments",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("project_id", sa.BigInteger, sa.ForeignKey("projects.id"), nullable=False),
        sa.Column(
            "environment_id", sa.BigInteger, sa.ForeignKey("environments.id"), nullable=False
        ),
        sa.Column("iid", sa.BigInteger, nullable=False),
        sa.Column("ref", sa.Text, nullable=False),
        sa.Column("sha", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger),
        sa.Column("finished_at", sa.BigInteger, nullable=False),
        sa.Column("finish_source", sa.Text, nullable=False, comment="where finished_at was read"),
        sa.Column(
            "first",
            sa.Boolean,
            nullable=False,
            comment="its environment's first, see dora.arithmetic",
        ),
        sa.Column("links", sa.SmallInteger, nullable=False, comment="see store.readings.Links"),
        sa.Column("links_read_at", sa.BigInteger),
    )
    op.create_index(
        "ix_deployments_project_id_finished_at", "deployments", ["project_id", "finished_at"]
    )
    op.create_index("ix_deployments_environment_id", "deployments", ["environment_id"])
    op.create_index(
        "ix_deployments_unsettled",
        "deployments",
        ["project_id"],
        sqlite_where=sa.text("links < 2"),
        postgresql_where=sa.text("links < 2"),
    )
    op.create_table(
        "merge_requests",
        sa.Column("project_id", sa.BigInteger, sa.ForeignKey("projects.id"), primary_key=True),
        sa.Column("iid", sa.BigInteger, primary_key=True),
        sa.Column("merged_at", sa.BigInteger),
        sa.Column("target_branch", sa.Text, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
    )
    op.create_table(
        "deployment_merge_requests",
        sa.Column(
            "deployment_id", sa.BigInteger, sa.ForeignKey("deployments.id"), primary_key=True
        ),
        sa.Column("iid", sa.BigInteger, primary_key=True),
    )
    op.create_table(
        "counters",
        sa.Column("kind", sa.Text, primary_key=True, comment="project or group"),
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("tier", sa.Text, primary_key=True),
        sa.Column("deployments", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refuse: facts are not thrown away to go back."""
    raise NotImplementedError("restore a backup from before the upgrade instead")
