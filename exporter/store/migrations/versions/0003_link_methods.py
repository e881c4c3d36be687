"""How each link of a merge request to a deployment was found."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; GitLab told all links that are stored."""
    op.add_column(
        "deployment_merge_requests",
        sa.Column(
            "method",
            sa.SmallInteger,
            nullable=False,
            server_default=sa.text("0"),
            comment="who found it, see store.links.Method",
        ),
    )


def downgrade() -> None:
    """Refuse: facts are not thrown away to go back."""
    raise NotImplementedError("restore a backup from before the upgrade instead")
