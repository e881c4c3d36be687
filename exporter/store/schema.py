"""The tables. Instants are microseconds since 1970 in UTC, ids are GitLab's own."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

state = Table(
    "state",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    comment="what the exporter notes about itself: last poll, last discovery and its scope",
)

groups = Table(
    "groups",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
)

projects = Table(
    "projects",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("path", Text, nullable=False),
    Column("cursor", BigInteger, comment="finish time from which the next poll asks"),
    Column("covered_since", BigInteger),
    Column("complete", Boolean, nullable=False, default=False),
    Column("polled_at", BigInteger),
    Column("environments_read_at", BigInteger),
    Column(
        "revision",
        BigInteger,
        comment="the one that last changed its deployments or merge requests",
    ),
)

members = Table(
    "members",
    metadata,
    Column("source", Text, primary_key=True, comment="the entry of the configuration"),
    Column("kind", Text, primary_key=True, comment="project, group, or the entry itself"),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
)

environments = Table(
    "environments",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("tier", Text, comment="as GitLab answered it, null on instances that do not"),
    Column("listed", Boolean, nullable=False, default=True, comment="false once it was deleted"),
    Column("oldest_deployment_id", BigInteger),
)
Index(None, environments.c.project_id)

deployments = Table(
    "deployments",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("project_id", BigInteger, ForeignKey("projects.id"), nullable=False),
    Column("environment_id", BigInteger, ForeignKey("environments.id"), nullable=False),
    Column("iid", BigInteger, nullable=False),
    Column("ref", Text, nullable=False),
    Column("sha", Text, nullable=False),
    Column("created_at", BigInteger),
    Column("finished_at", BigInteger, nullable=False),
    Column("finish_source", Text, nullable=False, comment="where finished_at was read"),
    Column(
        "first", Boolean, nullable=False, comment="its environment's first, see dora.arithmetic"
    ),
    Column("links", SmallInteger, nullable=False, comment="see store.readings.Links"),
    Column("links_read_at", BigInteger),
)
Index(None, deployments.c.project_id, deployments.c.finished_at)
Index(None, deployments.c.environment_id)
Index(
    "ix_deployments_unsettled",
    deployments.c.project_id,
    sqlite_where=deployments.c.links < 2,
    postgresql_where=deployments.c.links < 2,
)

merge_requests = Table(
    "merge_requests",
    metadata,
    Column("project_id", BigInteger, ForeignKey("projects.id"), primary_key=True),
    Column("iid", BigInteger, primary_key=True),
    Column("merged_at", BigInteger),
    Column("target_branch", Text, nullable=False),
    Column("author", Text, nullable=False),
)

links = Table(
    "deployment_merge_requests",
    metadata,
    Column("deployment_id", BigInteger, ForeignKey("deployments.id"), primary_key=True),
    Column("iid", BigInteger, primary_key=True),
    Column(
        "method",
        SmallInteger,
        nullable=False,
        server_default=text("0"),
        comment="who found it, see store.links.Method",
    ),
)

counters = Table(
    "counters",
    metadata,
    Column("kind", Text, primary_key=True, comment="project or group"),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("tier", Text, primary_key=True),
    Column("deployments", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column(
        "deployment_id",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        comment="0 where the event did not say",
    ),
    Column("environment", Text, primary_key=True, comment="empty where the event did not say"),
    Column("told_at", BigInteger, nullable=False),
)
