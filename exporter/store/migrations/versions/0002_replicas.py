"""What several exporters on one database tell each other: what changed, and which events came."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the table; what is stored stays as it is."""
    op.add_column(
        "projects",
        sa.Column(
            "revision",
            sa.BigInteger,
            comment="the one that last changed its deployments or merge requests",
        ),
    )
    op.create_table(
        "events",
        sa.Column("project_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column(
            "deployment_id",
            sa.BigInteger,
            primary_key=True,
            autoincrement=False,
            comment="0 where the event did not say",
        ),
        sa.Column(
            "environment", sa.Text, primary_key=True, comment="empty where the event did not say"
        ),
        sa.Column("told_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Refuse: facts are not thrown away to go back."""
    raise NotImplementedError("restore a backup from before the upgrade instead")
