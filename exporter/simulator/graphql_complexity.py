"""What a GraphQL query costs, by GitLab's rule.

Every field costs one and what is asked below it; sorting adds one, searching five. A connection
multiplies that by 1 + page size / 100, unless single iids are asked for.
"""

from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    value_from_ast_untyped,
)

from exporter.simulator.graphql_request import page_size

# GitLab sorts merge requests even when not asked to, and counts it.
_ALWAYS_SORTED: Final = frozenset({"mergeRequests"})


def query_complexity(
    schema: GraphQLSchema, document: DocumentNode, variables: dict[str, Any], operation: str | None
) -> int:
    """Add up what an operation costs.

    Args:
        schema: What the document was validated against.
        document: The parsed text.
        variables: Values of its variables.
        operation: Which operation, when the text holds several.

    Returns:
        The score GitLab compares with its limit.
    """
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    counter = _Counter(schema, fragments, variables)
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    chosen = [
        node
        for node in operations
        if operation is None or (node.name and node.name.value == operation)
    ]
    return sum(counter.selections(node.selection_set, schema.query_type) for node in chosen[:1])


class _Counter:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: dict[str, FragmentDefinitionNode],
        variables: dict[str, Any],
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables

    def selections(self, chosen: SelectionSetNode, parent: object) -> int:
        total = 0
        for node in chosen.selections:
            if isinstance(node, FieldNode):
                total += self._field(node, parent)
            elif (name := getattr(node, "name", None)) is not None:
                total += self.selections(self._fragments[name.value].selection_set, parent)
            elif (inline := getattr(node, "selection_set", None)) is not None:
                total += self.selections(inline, parent)
        return total

    def _field(self, node: FieldNode, parent: object) -> int:
        name = node.name.value
        if name.startswith("__") or not isinstance(
            parent, GraphQLObjectType | GraphQLInterfaceType
        ):
            return 0
        kind = get_named_type(parent.fields[name].type)
        arguments = {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in node.arguments or ()
        }
        cost = 1 + (self.selections(node.selection_set, kind) if node.selection_set else 0)
        cost += 1 if arguments.get("sort") or name in _ALWAYS_SORTED else 0
        cost += 5 if arguments.get("search") else 0
        if kind.name.endswith("Connection") and not arguments.get("iids"):
            cost += cost * page_size(arguments.get("first")) // 100
        return cost
