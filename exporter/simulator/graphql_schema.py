"""The part of GitLab's GraphQL schema that is simulated, in schema language."""

from functools import cache
from typing import Final

from graphql import GraphQLSchema, build_schema

from exporter.simulator.graphql_resolvers import attach_resolvers

_SCHEMA: Final = """
scalar Time
scalar BigInt

enum DeploymentTier {{ PRODUCTION STAGING TESTING DEVELOPMENT OTHER }}
enum DeploymentStatus {{ CREATED RUNNING SUCCESS FAILED CANCELED SKIPPED BLOCKED }}
enum SortDirectionEnum {{ ASC DESC }}
enum MergeRequestState {{ merged opened closed locked all }}
enum MergeRequestSort {{
  CREATED_ASC CREATED_DESC UPDATED_ASC UPDATED_DESC MERGED_AT_ASC MERGED_AT_DESC
}}

input DeploymentsOrderByInput {{ createdAt: SortDirectionEnum finishedAt: SortDirectionEnum }}

type PageInfo {{
  hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String
}}

type Deployment {{
  id: ID iid: ID ref: String tag: Boolean sha: String status: DeploymentStatus
  createdAt: Time updatedAt: Time {finished_at}
}}
type DeploymentEdge {{ cursor: String! node: Deployment }}
type DeploymentConnection {{
  nodes: [Deployment] edges: [DeploymentEdge] pageInfo: PageInfo!
}}

type Environment {{
  id: ID! name: String! slug: String state: String! path: String tier: DeploymentTier
  environmentType: String createdAt: Time updatedAt: Time
  deployments(
    statuses: [DeploymentStatus!] orderBy: DeploymentsOrderByInput first: Int after: String
  ): DeploymentConnection
  lastDeployment(status: DeploymentStatus!): Deployment
}}
type EnvironmentEdge {{ cursor: String! node: Environment }}
type EnvironmentConnection {{
  nodes: [Environment] edges: [EnvironmentEdge] pageInfo: PageInfo! count: Int!
}}

type UserCore {{ id: ID! username: String! name: String! state: String bot: Boolean }}

type MergeRequest {{
  id: ID! iid: String! title: String! state: String! createdAt: Time! updatedAt: Time!
  mergedAt: Time targetBranch: String! sourceBranch: String! author: UserCore
  mergeCommitSha: String webUrl: String
}}
type MergeRequestEdge {{ cursor: String! node: MergeRequest }}
type MergeRequestConnection {{
  nodes: [MergeRequest] edges: [MergeRequestEdge] pageInfo: PageInfo! count: Int!
}}

type AccessLevel {{ integerValue: Int stringValue: String }}

type Project {{
  id: ID! name: String! path: String! fullPath: ID! archived: Boolean visibility: String
  webUrl: String createdAt: Time group: Group maxAccessLevel: AccessLevel!
  environments(
    name: String search: String states: [String!] first: Int after: String
  ): EnvironmentConnection
  environment(name: String id: ID): Environment
  mergeRequests(
    {deployment_id} state: MergeRequestState iids: [String!] targetBranches: [String!]
    updatedAfter: Time mergedAfter: Time mergedBefore: Time sort: MergeRequestSort
    first: Int after: String
  ): MergeRequestConnection
}}
type ProjectEdge {{ cursor: String! node: Project }}
type ProjectConnection {{
  nodes: [Project] edges: [ProjectEdge] pageInfo: PageInfo! count: Int!
}}

type Group {{
  id: ID! name: String! path: String! fullPath: ID! webUrl: String visibility: String
  projects(
    includeSubgroups: Boolean = false includeArchived: Boolean = true search: String
    first: Int after: String
  ): ProjectConnection!
}}

type QueryComplexity {{ limit: Int score: Int }}
type Metadata {{ version: String! revision: String! enterprise: Boolean! }}

type Query {{
  project(fullPath: ID!): Project
  projects(
    ids: [ID!] fullPaths: [String!] membership: Boolean search: String first: Int after: String
  ): ProjectConnection
  group(fullPath: ID!): Group
  currentUser: UserCore
  metadata: Metadata
  queryComplexity: QueryComplexity
  echo(text: String!): String!
}}
"""


@cache
def make_schema(*, finished_at: bool, deployment_merge_requests: bool) -> GraphQLSchema:
    """Build the schema of an instance.

    Args:
        finished_at: Whether `Deployment.finishedAt` is known.
        deployment_merge_requests: Whether `mergeRequests` takes `deploymentId`.
    """
    schema = build_schema(
        _SCHEMA.format(
            finished_at="finishedAt: Time" if finished_at else "",
            deployment_id="deploymentId: String" if deployment_merge_requests else "",
        )
    )
    attach_resolvers(schema)
    return schema
